/// The defaults of a plugin: a backend and an endpoint of its name, at the route `/<name>`.
extension ControlState {
    /// Takes in which plugins have a library, as at the start of a host.
    package mutating func setPlugins(_ names: Set<String>) {
        for name in plugins.subtracting(names).sorted() { removePlugin(name) }
        for name in names.subtracting(plugins).sorted() { addPlugin(name) }
    }

    /// A library has been dropped: gives its plugin the defaults that nobody has configured otherwise. One that had its
    /// defaults before, as after a reload or a restart, gets none again.
    ///
    /// A name that can't stand in a route gets none: the host does not serve such a library.
    package mutating func addPlugin(_ name: String) {
        guard PluginName.isValid(name), plugins.insert(name).inserted else { return }
        restoreDefaultBackend(of: name)
        restoreDefaultEndpoint(of: name)
    }

    /// A library has been dropped whose plugin has backends by then: it gets no defaults.
    mutating func addConfiguredPlugin(_ name: String) {
        plugins.insert(name)
    }

    /// A library has been removed: its plugin's defaults go, as far as they are still that. A backend that another
    /// endpoint uses stays, and is not served until the library is back.
    package mutating func removePlugin(_ name: String) {
        guard plugins.remove(name) != nil else { return }
        if endpoints[name]?.origin == .plugin { endpoints[name] = nil }
        if backends[name]?.origin == .plugin, endpoints(using: name).isEmpty {
            backends[name] = nil
        }
    }

    /// Gives a plugin its default backend, unless there is one of its name.
    mutating func restoreDefaultBackend(of name: String) {
        guard backends[name] == nil else { return }
        backends[name] = BackendRecord(plugin: name, origin: .plugin)
    }

    /// Gives a plugin its default endpoint, unless there is one of its name, or the backend of its name runs another
    /// plugin. The endpoint has no route where another endpoint has it.
    mutating func restoreDefaultEndpoint(of name: String) {
        guard endpoints[name] == nil, backends[name]?.plugin == name else { return }
        endpoints[name] = EndpointRecord(
            route: freeDefaultRoute(of: name), traffic: [name: 1], origin: .plugin)
    }

    /// - Returns: nil when another endpoint has it.
    func freeDefaultRoute(of name: String) -> String? {
        let route = "/\(name)"
        return endpoints.contains { $0.value.route == route } ? nil : route
    }
}
