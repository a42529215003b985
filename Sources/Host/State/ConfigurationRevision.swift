internal import HostConfigurationFiles
internal import HostDispatch
internal import HostForms
internal import HostRouting

/// One of the last configurations, as `backplane rollback --list` shows it.
///
/// The JSON form is part of the admin API: members are added, never renamed.
package struct ConfigurationRevision: Codable, Sendable, Equatable {
    /// How many are kept beside the present one.
    static let kept = 10

    /// Grows by one with each configuration.
    package var number: Int
    /// When it took effect, in seconds since 1970.
    package var time: Double
    /// A line for each difference from the one before it.
    package var changes: [String]

    package init(number: Int, time: Double, changes: [String]) {
        self.number = number
        self.time = time
        self.changes = changes
    }
}

extension ControlState {
    /// What files and operators have configured, and nothing that follows from which plugins are there.
    var configuration: ControlState {
        var configuration = ControlState()
        configuration.backends = backends.filter { $0.value.origin != .plugin }
        configuration.endpoints = endpoints.filter { $0.value.origin != .plugin }
        configuration.middleware = middleware
        configuration.withdrawnBackends = withdrawnBackends
        configuration.withdrawnEndpoints = withdrawnEndpoints
        return configuration
    }

    /// Goes back to what was configured in another state; the plugins are those of now, and so are the defaults that
    /// they have beside it. Which file was applied last stays: the next start is no reason to apply it again.
    package mutating func restore(_ old: ControlState) {
        backends = backends.filter { $0.value.origin == .plugin }
        endpoints = endpoints.filter { $0.value.origin == .plugin }
        middleware = old.middleware
        withdrawnBackends = old.withdrawnBackends.intersection(plugins)
        withdrawnEndpoints = old.withdrawnEndpoints.intersection(plugins)
        for (tag, record) in old.backends where record.origin != .plugin { backends[tag] = record }
        let routes = Set(old.configuration.endpoints.values.compactMap(\.route))
        for (name, record) in endpoints where record.route.map(routes.contains) == true {
            endpoints[name]?.route = nil
        }
        for (name, record) in old.endpoints where record.origin != .plugin {
            endpoints[name] = record
            // The default of a plugin that may have gone since.
            for tag in record.backends where backends[tag] == nil {
                backends[tag] = old.backends[tag] ?? BackendRecord(plugin: tag, origin: .plugin)
            }
        }
        for name in withdrawnBackends where endpoints(using: name).isEmpty {
            if backends[name]?.origin == .plugin { backends[name] = nil }
        }
        for name in withdrawnEndpoints where endpoints[name]?.origin == .plugin {
            endpoints[name] = nil
        }
        settleDefaults()
    }
}

/// The form in which a configuration is kept: a configuration file, and whom its parts are from.
extension ControlState {
    private static let origins = (backends: "backend origins", endpoints: "endpoint origins")
    private static let withdrawn = (backends: "no backends", endpoints: "no endpoints")

    /// Of all that there is, for endpoints may use a plugin's default.
    var json: JSONValue {
        var file = HostFile()
        for (tag, record) in backends {
            var backend = HostFile.Backend(plugin: record.plugin)
            backend.options = record.options
            file.backends[tag] = backend
        }
        for (name, record) in endpoints {
            var endpoint = HostFile.Endpoint(traffic: record.traffic)
            endpoint.route = record.route
            endpoint.methods = record.methods
            endpoint.shadow = record.shadows
            file.endpoints[name] = endpoint
        }
        file.middleware = middleware
        func names(_ set: Set<String>) -> JSONValue { .array(set.sorted().map { .string($0) }) }
        return [
            "file": file.json,
            "origins": [
                Self.origins.backends: .object(
                    backends.mapValues { .string($0.origin.rawValue) }),
                Self.origins.endpoints: .object(
                    endpoints.mapValues { .string($0.origin.rawValue) }),
            ],
            "withdrawn": [
                Self.withdrawn.backends: names(withdrawnBackends),
                Self.withdrawn.endpoints: names(withdrawnEndpoints),
            ],
        ]
    }

    /// - Throws: ``ConfigurationError`` or ``ControlError`` when it is no configuration that was kept.
    init(json: JSONValue) throws {
        let file = try HostFile(json: json["file"] ?? [:])
        func origin(_ kind: String, _ name: String) -> Origin {
            guard case .string(let text)? = json["origins"]?[kind]?[name] else { return .hand }
            return Origin(rawValue: text) ?? .hand
        }
        func names(_ kind: String) -> Set<String> {
            guard case .array(let values)? = json["withdrawn"]?[kind] else { return [] }
            return Set(values.compactMap { if case .string(let name) = $0 { name } else { nil } })
        }
        var backends: [String: BackendRecord] = [:]
        for (tag, backend) in file.backends {
            backends[tag] = BackendRecord(
                plugin: backend.plugin, options: backend.options,
                origin: origin(Self.origins.backends, tag))
        }
        var endpoints: [String: EndpointRecord] = [:]
        for (name, endpoint) in file.endpoints {
            endpoints[name] = EndpointRecord(
                route: endpoint.route, methods: endpoint.methods, traffic: endpoint.traffic,
                shadows: endpoint.shadow, origin: origin(Self.origins.endpoints, name))
        }
        try self.init(backends: backends, endpoints: endpoints, plugins: [])
        middleware = file.middleware
        withdrawnBackends = names(Self.withdrawn.backends)
        withdrawnEndpoints = names(Self.withdrawn.endpoints)
    }
}
