package import HostCore
package import HostPipeline

/// What is configured: backends by tag, endpoints by name. A value: its operations check it, change it and do nothing
/// else, so that a change can be tried, compared and stored before it takes effect.
///
/// These hold always: each traffic and shadow policy names backends that are there; the weights of each endpoint's
/// traffic sum to 1; no two endpoints have one route. Only a ``declaration(backends:endpoints:)`` may name backends
/// that it lacks.
package struct ControlState: Sendable, Equatable {
    package internal(set) var backends: [String: BackendRecord] = [:]
    package internal(set) var endpoints: [String: EndpointRecord] = [:]
    /// The stages around all endpoints, the outermost first. Only a configuration file sets them.
    package internal(set) var middleware: [MiddlewareEntry] = []
    /// The plugins whose libraries are there, and have served: those that may have defaults.
    package internal(set) var plugins: Set<String> = []
    /// The defaults of those that operators have deleted. They do not come back with the next start or reload: only
    /// when the library is removed and dropped anew.
    package internal(set) var withdrawnBackends: Set<String> = []
    package internal(set) var withdrawnEndpoints: Set<String> = []
    /// The digest of the configuration file that was applied last; nil: none was. A start with the same file is no
    /// reason to undo what operators have changed since.
    package var appliedFile: String?

    package init() {}

    /// - Throws: ``ControlError`` that says which rule the parts break.
    package init(
        backends: [String: BackendRecord], endpoints: [String: EndpointRecord],
        plugins: Set<String>
    ) throws(ControlError) {
        for (tag, record) in backends.sorted(by: { $0.key < $1.key }) {
            try insert(backend: tag, record)
        }
        for (name, record) in endpoints.sorted(by: { $0.key < $1.key }) {
            try requireBackends(of: record)
            try insert(endpoint: name, record)
        }
        self.plugins = plugins
    }

    /// What a configuration file declares, for ``applying(_:)``. Its endpoints may name backends that it doesn't
    /// declare, such as a plugin's default: whether they are there is checked when it is applied.
    ///
    /// - Throws: ``ControlError`` that says which rule the parts break.
    package static func declaration(
        backends: [String: BackendRecord], endpoints: [String: EndpointRecord],
        middleware: [MiddlewareEntry] = []
    ) throws(ControlError) -> ControlState {
        var state = ControlState()
        state.middleware = middleware
        for (tag, record) in backends.sorted(by: { $0.key < $1.key }) {
            try state.insert(backend: tag, record)
            state.backends[tag]?.origin = .file
        }
        for (name, record) in endpoints.sorted(by: { $0.key < $1.key }) {
            try state.insert(endpoint: name, record)
            state.endpoints[name]?.origin = .file
        }
        return state
    }

    /// Whether any backend runs the plugin.
    func hasBackends(of plugin: String) -> Bool {
        backends.values.contains { $0.plugin == plugin }
    }

    /// The endpoints whose traffic or shadows name the backend, in alphabetical order.
    package func endpoints(using tag: String) -> [String] {
        endpoints.filter { $0.value.uses(backend: tag) }.keys.sorted()
    }
}

extension ControlState: Codable {
    private enum CodingKeys: String, CodingKey {
        case backends
        case endpoints
        case plugins
        case appliedFile
        case middleware
        case withdrawnBackends
        case withdrawnEndpoints
    }

    /// - Throws: also ``ControlError``, when the parts break a rule.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            backends: try container.decode([String: BackendRecord].self, forKey: .backends),
            endpoints: try container.decode([String: EndpointRecord].self, forKey: .endpoints),
            plugins: try container.decode(Set<String>.self, forKey: .plugins))
        appliedFile = try container.decodeIfPresent(String.self, forKey: .appliedFile)
        middleware =
            try container.decodeIfPresent([MiddlewareEntry].self, forKey: .middleware) ?? []
        withdrawnBackends =
            try container.decodeIfPresent(Set<String>.self, forKey: .withdrawnBackends) ?? []
        withdrawnEndpoints =
            try container.decodeIfPresent(Set<String>.self, forKey: .withdrawnEndpoints) ?? []
    }
}
