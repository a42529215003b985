internal import HostForms
internal import HostPipeline
internal import HostStages

extension HostFile {
    /// What no key can hold by itself: endpoints name backends that there are, and have routes of their own.
    ///
    /// - Parameter root: what the file was read from; errors come in its order.
    func check(_ root: ConfigurationNode) throws(ConfigurationError) {
        guard let endpoints = root["endpoints"]?.value,
            case .mapping(let entries) = endpoints.content
        else { return }
        let place = ConfigurationPath.root.appending("endpoints")
        var owners: [String: ConfigurationPath] = [:]
        for entry in entries {
            let path = place.appending(entry.name)
            for key in ["traffic", "shadow"] {
                guard let shares = entry.value[key]?.value else { continue }
                try checkBackends(in: shares, path.appending(key))
            }
            guard let route = self.endpoints[entry.name]?.route else { continue }
            if let owner = owners[route] {
                let mine = path.appending("route")
                throw ConfigurationError(
                    .conflict, at: entry.value["route"]?.value.position, mine,
                    "\(mine) is \(route): \(owner) has that route")
            }
            owners[route] = path
        }
    }

    /// Whether there are the stages that the chains name.
    static func checkStages(
        _ root: ConfigurationNode, _ catalog: MiddlewareCatalog
    ) throws(ConfigurationError) {
        let path = ConfigurationPath.root.appending("middleware")
        if let host = root["middleware"]?.value { try MiddlewareEntry.check(host, path, catalog) }
        guard case .mapping(let backends)? = root["backends"]?.value.content else { return }
        for backend in backends {
            guard let chain = backend.value["middleware"]?.value else { continue }
            let path = ConfigurationPath.root.appending("backends").appending(backend.name)
            try MiddlewareEntry.check(chain, path.appending("middleware"), catalog)
        }
    }

    private func checkBackends(
        in shares: ConfigurationNode, _ path: ConfigurationPath
    ) throws(ConfigurationError) {
        guard case .mapping(let entries) = shares.content else { return }
        for entry in entries where backends[entry.name] == nil {
            let name = ConfigurationPath.quoted(entry.name)
            var error = ConfigurationError(
                .unknownBackend, at: entry.position, path.appending(entry.name),
                "\(path) names a backend that is not there: \(name)")
            error.found = entry.name
            error.nearest = NearestName.of(entry.name, among: backends.keys)
            throw error
        }
    }
}
