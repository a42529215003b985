internal import HostConfigurationFiles
package import HostCore
internal import HostForms
internal import HostLoader
internal import HostRouting

/// What may stand in the state, whoever puts it there.
extension ControlState {
    /// Puts a new backend in its place, in the form in which it is stored.
    mutating func insert(backend tag: String, _ record: BackendRecord) throws(ControlError) {
        guard ConfiguredName.isTag(tag) else {
            throw Self.invalidName(tag, "tag of a backend", ConfiguredName.aboutTags)
        }
        guard PluginName.isValid(record.plugin) else {
            throw ControlError(
                .invalid,
                "backend \(tag): \(record.plugin.debugDescription) is no name of a plugin: use that of its library, "
                    + "echo for libecho.so")
        }
        guard backends[tag] == nil else {
            throw ControlError(
                .alreadyExists,
                "there is a backend \(tag) already: update it, delete it first, or choose another tag"
            )
        }
        var record = record
        record.options = try Self.stored(record.options, of: tag)
        backends[tag] = record
    }

    /// Puts a new endpoint in its place; whether its backends are there is not looked at.
    mutating func insert(endpoint name: String, _ record: EndpointRecord) throws(ControlError) {
        guard ConfiguredName.isEndpoint(name) else {
            throw Self.invalidName(name, "name of an endpoint", ConfiguredName.aboutEndpoints)
        }
        guard endpoints[name] == nil else {
            throw ControlError(
                .alreadyExists,
                "there is an endpoint \(name) already: delete it first, or choose another name")
        }
        var record = record
        record.methods = try Self.methods(record.methods, of: name)
        try checkRoute(record.route, of: name)
        try Self.checkTraffic(record.traffic, of: name)
        for (tag, share) in record.shadows {
            guard share > 0 else {
                throw Self.invalidShare(share, backend: tag, endpoint: name, from: "above 0")
            }
            try Self.checkShare(share, backend: tag, endpoint: name)
        }
        endpoints[name] = record
    }

    func requireBackends(of record: EndpointRecord) throws(ControlError) {
        for tag in record.backends.sorted() { try requireBackend(tag) }
    }

    @discardableResult
    package func requireBackend(_ tag: String) throws(ControlError) -> BackendRecord {
        // Byte for byte: what Unicode calls equal is another name.
        guard let index = backends.index(forKey: tag),
            ConfiguredName.isSame(backends[index].key, tag)
        else {
            throw ControlError(
                .noSuchBackend,
                "no backend \(tag)" + NearestName.hint(for: tag, among: backends.keys))
        }
        return backends[index].value
    }

    package func requireEndpoint(_ name: String) throws(ControlError) -> EndpointRecord {
        guard let record = endpoints[name] else {
            throw ControlError(
                .noSuchEndpoint,
                "no endpoint \(name)" + NearestName.hint(for: name, among: endpoints.keys))
        }
        return record
    }

    /// The options as they are stored and read again: what can't be stored is refused before it is served.
    static func stored(
        _ options: BackendOptions, of tag: String
    ) throws(ControlError) -> BackendOptions {
        do throws(ConfigurationError) {
            let read = try BackendOptions.form.read(BackendOptions.form.write(options), .root)
            return try BackendOptions(json: try JSONValue(parsing: read.json.text.utf8))
        } catch {
            throw ControlError(
                .invalid, "backend \(tag): its configuration can't be written as JSON: \(error)",
                cause: error)
        }
    }

    // MARK: Names

    private static func invalidName(
        _ name: String, _ what: String, _ rule: String
    ) -> ControlError {
        ControlError(.invalid, "\(name.debugDescription) can't be the \(what): \(rule)")
    }

    // MARK: Routes and methods

    private func checkRoute(_ route: String?, of name: String) throws(ControlError) {
        guard let route else { return }
        do {
            _ = try RoutePattern(route)
        } catch {
            throw error.about("endpoint \(name)")
        }
        if let other = endpoints.first(where: { $0.value.route == route })?.key {
            throw ControlError(
                .alreadyExists,
                "endpoint \(name): the route \(route) is that of the endpoint \(other): choose another, or delete \(other) "
                    + "first")
        }
    }

    /// The methods as they are stored: in capitals, sorted, each once.
    private static func methods(
        _ methods: [String], of name: String
    ) throws(ControlError) -> [String] {
        guard !methods.isEmpty else {
            throw ControlError(
                .invalid, "endpoint \(name): it must take one HTTP method at least, such as GET")
        }
        let capitals = Set(methods.map { $0.uppercased() }).sorted()
        if let other = capitals.first(where: { !Endpoint.possibleMethods.contains($0) }) {
            throw ControlError(
                .invalid,
                "endpoint \(name): it can't take the HTTP method \(other.debugDescription): there are "
                    + Endpoint.possibleMethods.joined(separator: ", "))
        }
        return capitals
    }

    // MARK: Policies

    static func checkTraffic(
        _ weights: [String: Double], of name: String
    ) throws(ControlError) {
        do {
            _ = try TrafficPolicy(weights: weights)
        } catch {
            throw error.about("endpoint \(name)")
        }
    }

    static func checkShare(
        _ share: Double, backend tag: String, endpoint name: String
    ) throws(ControlError) {
        do {
            try TrafficPolicy.checkShare(share, of: tag)
        } catch {
            throw error.about("endpoint \(name)")
        }
    }

    private static func invalidShare(
        _ share: Double, backend tag: String, endpoint name: String, from: String
    ) -> ControlError {
        ControlError(
            .invalid,
            "endpoint \(name): the share of \(tag) in the shadow traffic is \(share): it must be a number \(from) to 1"
        )
    }
}
