internal import HostConfigurationFiles
internal import HostDeployment
internal import HostForms
internal import HostRouting
internal import HostState

/// What the document says of each operation.
extension AdminOperation {
    var summary: String {
        switch self {
        case .listPlugins: "The plugins, by name."
        case .listMethods: "A plugin's methods, with the schemas of those that have a signature."
        case .reloadPlugin:
            "Loads a plugin's file anew; what served before serves on if that fails."
        case .restartPlugin:
            "Makes replicas anew, with fresh state, from the library that is loaded."
        case .listBackends: "The backends, by tag."
        case .createBackend: "Creates a backend: a plugin as it is to be run."
        case .showBackend: "One backend."
        case .updateBackend: "Sets the options that are sent; the rest stays as it is."
        case .deleteBackend: "Deletes a backend."
        case .listEndpoints: "The endpoints, by name."
        case .createEndpoint: "Creates an endpoint whose calls all go to one backend."
        case .showEndpoint: "One endpoint."
        case .deleteEndpoint: "Deletes an endpoint."
        case .setTraffic:
            "Sets which part of an endpoint's calls each backend answers; the weights sum to 1."
        case .shadowTraffic: "Sets which part of an endpoint's calls a backend gets a copy of."
        case .callEndpoint:
            "Calls a method of an endpoint; an error may be the plugin's own."
        case .listMiddleware:
            "The chains of middleware: the host's, then each backend's, and what their stages did."
        case .exportConfiguration: "The running state as a configuration file."
        case .applyConfiguration:
            "Brings the host in line with a configuration file: all of it, once it is ready to serve, or nothing."
        case .listVersions: "The versions of a plugin's library that are kept, the newest first."
        case .rollBackPlugin:
            "Goes back to a version of a plugin's library; what served before serves on if that fails."
        case .listConfigurations:
            "The last configurations, the newest, which is the present one, first."
        case .rollBackConfiguration:
            "Goes back to one of the last configurations, once it is ready to serve; it becomes the newest."
        case .showDocument: "This document."
        }
    }

    /// Those of the query and the headers.
    var parameters: [JSONValue] {
        switch self {
        case .restartPlugin:
            [
                Self.parameter(
                    "replica", ["type": "integer", "minimum": 0, "maximum": 1_023],
                    "The replica's index; all replicas by default.")
            ]
        case .deleteBackend:
            [
                Self.parameter(
                    "force", ["type": "boolean"],
                    "Whether it goes also when endpoints use it. Default: false.")
            ]
        case .createBackend, .createEndpoint: [Self.timeout, Self.allowMissing]
        case .updateBackend, .setTraffic: [Self.timeout]
        case .rollBackConfiguration: [Self.timeout, Self.allowMissing]
        case .applyConfiguration:
            [
                Self.timeout, Self.allowMissing,
                Self.parameter(
                    "file", ["type": "string"],
                    "The file's name, for errors. Default: backplane.yaml."),
                Self.parameter(
                    "dry_run", ["type": "boolean"],
                    "Whether the differences are told and nothing changes. Default: false."),
            ]
        case .callEndpoint:
            [
                Self.parameter(
                    AdminAPI.methodHeader, in: "header", ["type": "string"],
                    "The plugin's method; its default method by default."),
                Self.parameter(
                    AdminAPI.timeoutHeader, in: "header",
                    ["type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000_000],
                    "How long the answer is waited for. Default: the backend's request_timeout."),
            ]
        default: []
        }
    }

    var body: JSONValue? {
        switch self {
        case .createBackend: Self.body(AdminDocument.ref("CreateBackend"))
        case .updateBackend: Self.body(AdminDocument.ref("BackendOptions"))
        case .createEndpoint: Self.body(AdminDocument.ref("CreateEndpoint"))
        case .setTraffic: Self.body(AdminDocument.ref("Traffic"))
        case .shadowTraffic: Self.body(AdminDocument.ref("Shadow"))
        case .rollBackPlugin, .rollBackConfiguration: Self.body(AdminDocument.ref("Rollback"))
        case .applyConfiguration:
            // An empty file is one that declares nothing.
            ["required": false, "content": ["application/yaml": ["schema": HostFile.schema]]]
        case .callEndpoint:
            // Any bytes of any type are the plugin's to read; none are an argument as well.
            ["required": false, "content": ["*/*": [:]]]
        default: nil
        }
    }

    /// The response to what was done.
    var success: (status: Int, answer: JSONValue) {
        let json = "application/json"
        return switch self {
        case .listPlugins: (200, AdminDocument.answer("All.", json, Self.list("PluginStatus")))
        case .listMethods:
            (200, AdminDocument.answer("All.", json, Self.list("MethodInterface")))
        case .listVersions:
            (200, AdminDocument.answer("All.", json, Self.list("LibraryVersion")))
        case .listConfigurations:
            (200, AdminDocument.answer("All.", json, Self.list("ConfigurationRevision")))
        case .rollBackConfiguration:
            (200, AdminDocument.answer("What was done.", json, AdminDocument.ref("Changes")))
        case .reloadPlugin, .restartPlugin, .rollBackPlugin:
            (200, AdminDocument.answer("As it is now.", json, AdminDocument.ref("PluginStatus")))
        case .listBackends: (200, AdminDocument.answer("All.", json, Self.list("BackendStatus")))
        case .createBackend:
            (201, AdminDocument.answer("As it is now.", json, AdminDocument.ref("BackendStatus")))
        case .showBackend, .updateBackend:
            (200, AdminDocument.answer("As it is now.", json, AdminDocument.ref("BackendStatus")))
        case .deleteBackend, .deleteEndpoint: (204, ["description": "It is not there any more."])
        case .listEndpoints:
            (200, AdminDocument.answer("All.", json, Self.list("EndpointStatus")))
        case .createEndpoint:
            (201, AdminDocument.answer("As it is now.", json, AdminDocument.ref("EndpointStatus")))
        case .showEndpoint, .setTraffic, .shadowTraffic:
            (200, AdminDocument.answer("As it is now.", json, AdminDocument.ref("EndpointStatus")))
        case .callEndpoint: (200, AdminDocument.answer("The plugin's answer.", "*/*", [:]))
        case .listMiddleware:
            (200, AdminDocument.answer("All.", json, Self.list("ChainStatus")))
        case .exportConfiguration:
            (200, AdminDocument.answer("The file.", "application/yaml", HostFile.schema))
        case .applyConfiguration:
            (200, AdminDocument.answer("What differs.", json, AdminDocument.ref("Changes")))
        case .showDocument:
            (200, AdminDocument.answer("OpenAPI 3.1.", json, ["type": "object"]))
        }
    }

    /// The statuses of its problems, but for 401, which all have. Those of changes: 500 for what can't be written down,
    /// 503 for a host that starts or ends.
    var problems: [Int] {
        switch self {
        case .listPlugins, .listBackends, .listEndpoints, .listMiddleware, .exportConfiguration,
            .showDocument:
            []
        case .reloadPlugin: [404, 422, 503]
        case .restartPlugin: [400, 404, 422]
        case .listVersions: [404]
        case .rollBackPlugin: [400, 404, 413, 422, 503]
        case .listConfigurations: [500, 503]
        case .rollBackConfiguration: [400, 409, 413, 422, 500, 503]
        case .createBackend: [400, 409, 413, 422, 500, 503]
        case .listMethods, .showBackend, .showEndpoint: [404]
        case .updateBackend: [400, 404, 413, 422, 500, 503]
        case .deleteBackend: [400, 404, 409, 422, 500, 503]
        case .createEndpoint: [400, 409, 413, 422, 500, 503]
        case .deleteEndpoint: [404, 422, 500, 503]
        case .setTraffic: [400, 404, 413, 422, 500, 503]
        case .shadowTraffic: [400, 404, 413, 422, 500, 503]
        case .applyConfiguration: [400, 409, 413, 422, 500, 503]
        case .callEndpoint:
            [400, 403, 404, 409, 413, 429, 499, 500, 501, 503, 504]
        }
    }

    private static let timeout = parameter(
        "timeout", ["type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000_000],
        "How many seconds plugins may take to start what the change needs. Default: their own limits."
    )
    private static let allowMissing = parameter(
        "allow_missing", ["type": "boolean"],
        "Whether backends may name plugins whose libraries are not there yet. Default: false.")

    private static func parameter(
        _ name: String, in place: String = "query", _ schema: JSONValue, _ about: String
    ) -> JSONValue {
        [
            "name": .string(name), "in": .string(place), "schema": schema,
            "description": .string(about),
        ]
    }

    private static func body(_ schema: JSONValue) -> JSONValue {
        ["required": true, "content": ["application/json": ["schema": schema]]]
    }

    private static func list(_ schema: String) -> JSONValue {
        ["type": "array", "items": AdminDocument.ref(schema)]
    }
}
