/// What a plugin's manifest says of its default endpoint.
extension ControlState {
    /// Gives the default endpoint of a plugin the route and the methods of its manifest. One that an operator or the
    /// file has taken over stays as it is, and a route that another endpoint has is not taken from that.
    mutating func setDefaultEndpoint(
        of plugin: String, _ defaults: PluginManifest.EndpointDefaults
    ) {
        guard var record = endpoints[plugin], record.origin == .plugin else { return }
        let route = defaults.route ?? "/\(plugin)"
        let isTaken = endpoints.contains { $0.key != plugin && $0.value.route == route }
        if !isTaken, (try? RoutePattern(route)) != nil { record.route = route }
        record.methods = defaults.methods?.sorted() ?? EndpointRecord.defaultMethods
        endpoints[plugin] = record
    }
}
