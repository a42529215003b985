package import HostConfigurationFiles
internal import HostRouting

/// What manifests say of the default endpoints of plugins.
extension ControlState {
    /// Gives the default endpoints of plugins the routes and methods of their manifests. One that an operator or the
    /// file has taken over stays as it is, and a route that such a one has is not taken from it.
    ///
    /// Of several that want one route, the one whose manifest names it goes before the one that has it by its name, and
    /// the first by name before others: which has it follows from what is there, and not from who came first. The
    /// others have `/<name>`, or none.
    package mutating func setDefaultEndpoints(
        _ manifests: [String: PluginManifest.EndpointDefaults]
    ) {
        // Of a plugin that has yet to be loaded it isn't known: it has what it had.
        let defaults = endpoints.filter {
            $0.value.origin == .plugin && manifests[$0.key] != nil
        }.keys.sorted()
        for name in defaults {
            endpoints[name]?.route = nil
            endpoints[name]?.methods =
                manifests[name]?.methods?.sorted() ?? EndpointRecord.defaultMethods
        }
        var taken = Set(endpoints.values.compactMap(\.route))
        for name in defaults {
            guard let route = manifests[name]?.route, (try? RoutePattern(route)) != nil else {
                continue
            }
            if taken.insert(route).inserted { endpoints[name]?.route = route }
        }
        for name in defaults
        where endpoints[name]?.route == nil && taken.insert("/\(name)").inserted {
            endpoints[name]?.route = "/\(name)"
        }
    }

    /// Why default endpoints don't have the routes that they should have, by plugin.
    package func routeObjections(
        _ manifests: [String: PluginManifest.EndpointDefaults]
    ) -> [String: String] {
        let owners = Dictionary(
            endpoints.compactMap { name, record in record.route.map { ($0, name) } },
            uniquingKeysWith: min)
        var objections: [String: String] = [:]
        for (name, record) in endpoints
        where record.origin == .plugin && manifests[name] != nil {
            let wanted = manifests[name]?.route ?? "/\(name)"
            guard record.route != wanted, let owner = owners[wanted] else { continue }
            let instead = record.route.map { "it has \($0)" } ?? "it has none"
            objections[name] =
                "the route \(wanted) is that of the endpoint \(owner), and \(instead); "
                + "give one of them another route"
        }
        return objections
    }
}
