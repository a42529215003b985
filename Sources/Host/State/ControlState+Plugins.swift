internal import HostLoader

/// The defaults of a plugin: a backend and an endpoint of its name, at the route `/<name>`.
///
/// Which there are follows from what is configured now, and not from the way there: a plugin whose library is there has
/// its default backend unless the file has a backend of that plugin, another backend has its name, or an operator has
/// deleted the default; and its default endpoint where it has its default backend, unless another endpoint has its name
/// or an operator has deleted it.
extension ControlState {
    /// Takes in which plugins have a library, as at the start of a host.
    package mutating func setPlugins(_ names: Set<String>) {
        for name in plugins.subtracting(names).sorted() { removePlugin(name) }
        for name in names.subtracting(plugins).sorted() { addPlugin(name) }
    }

    /// A library has been dropped: its plugin may have defaults.
    ///
    /// A name that can't stand in a route gets none: the host does not serve such a library.
    package mutating func addPlugin(_ name: String) {
        guard PluginName.isValid(name), plugins.insert(name).inserted else { return }
        settleDefaults()
    }

    /// A library has been removed: its plugin's defaults go, as far as they are still that. A backend that another
    /// endpoint uses stays, and is not served until the library is back.
    package mutating func removePlugin(_ name: String) {
        guard plugins.remove(name) != nil else { return }
        withdrawnBackends.remove(name)
        withdrawnEndpoints.remove(name)
        removeDefaults(of: name)
        settleDefaults()
    }

    /// Brings the defaults of all plugins in line with what is configured.
    package mutating func settleDefaults() {
        let declared = Set(backends.values.lazy.filter { $0.origin == .file }.map(\.plugin))
        for name in plugins.sorted() {
            if declared.contains(name) {
                removeDefaults(of: name)
            } else {
                if !withdrawnBackends.contains(name) { restoreDefaultBackend(of: name) }
                if !withdrawnEndpoints.contains(name) { restoreDefaultEndpoint(of: name) }
            }
            if let record = endpoints[name], record.origin == .plugin, record.route == nil {
                let route = freeDefaultRoute(of: name)
                endpoints[name]?.route = route
            }
        }
    }

    private mutating func removeDefaults(of name: String) {
        if endpoints[name]?.origin == .plugin { endpoints[name] = nil }
        if backends[name]?.origin == .plugin, endpoints(using: name).isEmpty {
            backends[name] = nil
        }
    }

    /// Gives a plugin its default backend, unless there is one of its name.
    private mutating func restoreDefaultBackend(of name: String) {
        guard backends[name] == nil else { return }
        backends[name] = BackendRecord(plugin: name, origin: .plugin)
    }

    /// Gives a plugin its default endpoint, unless there is one of its name, or the backend of its name runs another
    /// plugin. The endpoint has no route where another endpoint has it.
    private mutating func restoreDefaultEndpoint(of name: String) {
        guard endpoints[name] == nil, backends[name]?.plugin == name else { return }
        endpoints[name] = EndpointRecord(
            route: freeDefaultRoute(of: name), traffic: [name: 1], origin: .plugin)
    }

    /// - Returns: nil when another endpoint has it.
    private func freeDefaultRoute(of name: String) -> String? {
        let route = "/\(name)"
        return endpoints.contains { $0.value.route == route } ? nil : route
    }
}
