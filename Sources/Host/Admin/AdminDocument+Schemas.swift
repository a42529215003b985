internal import HostConfigurationFiles
internal import HostDeployment
internal import HostForms
internal import HostRouting
internal import HostState

/// The schemas of what is sent and answered.
///
/// Statuses get new members, so that objects in responses are open. Requests are closed: a name that the host does not
/// know is an error.
extension AdminDocument {
    static let schemas: [String: JSONValue] = [
        "PluginStatus": pluginStatus,
        "MethodInterface": object(
            [
                "name": text, "description": text, "signature": text,
                "arguments": ["type": "object"], "answer": ["type": "object"],
            ], optional: ["signature", "arguments", "answer"]),
        "BackendOptions": BackendOptions.schema,
        "BackendStatus": object(
            [
                "tag": text, "plugin": text, "origin": origin, "config": ref("BackendOptions"),
                "serving": object(
                    [
                        "generation": count, "replicas": count, "target_replicas": count,
                        "waiting": count, "running": count, "reason": text,
                        "following": ["type": "boolean"],
                    ],
                    optional: ["generation", "reason", "following"]),
            ]),
        "EndpointStatus": object(
            [
                "name": text, "route": text, "methods": texts, "traffic": weights(most: nil),
                "shadows": weights(most: 1), "origin": origin,
            ], optional: ["route"]),
        "ChainStatus": object(
            [
                "backend": text,
                "stages": [
                    "type": "array",
                    "items": object(
                        [
                            "name": text, "options": [:], "calls": count, "errors": count,
                            "seconds": ["type": "number", "minimum": 0],
                            "origin": ["type": "string", "enum": ["configuration", "program"]],
                        ], optional: ["options"]),
                ],
            ], optional: ["backend"]),
        "Changes": object(["changes": texts, "needs_restart": texts, "backends": texts]),
        "ConfigurationRevision": object(["number": count, "time": time, "changes": texts]),
        "LibraryVersion": object([
            "number": count, "version": text, "time": time, "size": count, "fingerprint": text,
        ]),
        "Rollback": object(
            ["to": orNull(["type": "integer", "minimum": 1, "maximum": 2_147_483_647])],
            optional: ["to"], isClosed: true),
        "Problem": object([
            "title": ["type": "string", "minLength": 1], "status": count, "detail": text,
        ]),
        "CreateBackend": object(
            [
                "tag": tag,
                "plugin": ["type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"],
                "config": orNull(ref("BackendOptions")),
            ], optional: ["config"], isClosed: true),
        "CreateEndpoint": object(
            [
                "name": name, "backend": tag, "route": orNull(HostFile.Endpoint.routeSchema),
                "methods": orNull(methods),
            ], optional: ["route", "methods"], isClosed: true),
        "Traffic": weights(most: nil),
        "Shadow": object(
            ["share": ["type": "number", "minimum": 0, "maximum": 1]], isClosed: true),
    ]

    private static let pluginStatus = object(
        [
            "name": text, "path": text,
            "state": [
                "type": "string",
                "enum": .array(PluginStatus.State.allCases.map { .string($0.rawValue) }),
            ],
            "version": text, "description": text, "generation": count, "route": text,
            "isolation": ["type": "string", "enum": ["process"]], "processes": counts,
            "rolled_back_to": count, "backends": texts, "methods": texts, "middleware_of": texts,
            "demoted_methods": texts, "replicas": count,
            "autoscaling": object([
                "min_replicas": count, "max_replicas": count, "target_replicas": count,
                "ongoing_calls": ["type": "number", "minimum": 0],
            ]),
            "replaced_replicas": count, "last_replacement": text,
            "calls": object([
                "waiting": count, "running": count, "late_finishes": count, "misuses": count,
            ]),
            "reason": text, "draining_generations": counts, "retired_generations": counts,
        ],
        optional: [
            "version", "description", "generation", "rolled_back_to", "route", "autoscaling",
            "isolation",
            "last_replacement",
            "reason",
        ])

    private static let text: JSONValue = ["type": "string"]
    private static let texts: JSONValue = ["type": "array", "items": text]
    /// In seconds since 1970.
    private static let time: JSONValue = ["type": "number", "minimum": 0]
    private static let count: JSONValue = ["type": "integer", "minimum": 0]
    private static let counts: JSONValue = ["type": "array", "items": count]
    private static let origin: JSONValue = [
        "type": "string", "enum": .array(Origin.allCases.map { .string($0.rawValue) }),
    ]
    private static let tag: JSONValue = [
        "type": "string", "pattern": .string(ConfiguredName.tagPattern),
    ]
    /// As in the file, but one that stands there twice counts once.
    private static let methods: JSONValue = {
        guard case .object(var keywords) = HostFile.Endpoint.methodsSchema else { return texts }
        keywords["uniqueItems"] = nil
        return .object(keywords)
    }()
    /// An endpoint's.
    private static let name: JSONValue = [
        "type": "string", "pattern": .string(ConfiguredName.endpointPattern),
    ]

    private static func weights(most: Int64?) -> JSONValue {
        var number: [String: JSONValue] = ["type": "number", "minimum": 0]
        if let most { number["maximum"] = .integer(most) }
        return ["type": "object", "additionalProperties": .object(number)]
    }

    private static func orNull(_ schema: JSONValue) -> JSONValue {
        ["anyOf": [schema, ["type": "null"]]]
    }

    private static func object(
        _ properties: [String: JSONValue], optional: Set<String> = [], isClosed: Bool = false
    ) -> JSONValue {
        var schema: [String: JSONValue] = [
            "type": "object", "properties": .object(properties),
            "required": .array(
                properties.keys.filter { !optional.contains($0) }.sorted().map { .string($0) }),
        ]
        if isClosed { schema["additionalProperties"] = false }
        return .object(schema)
    }
}
