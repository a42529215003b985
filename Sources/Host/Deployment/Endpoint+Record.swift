internal import HostCore
internal import HostPipeline
internal import HostRouting
internal import HostState

extension Endpoint {
    /// The endpoint of a record.
    ///
    /// - Throws: ``ControlError`` when its route or its shares can't be.
    convenience init(
        name: String, _ record: EndpointRecord, backends: [String: BackendPipeline]
    ) throws(ControlError) {
        var pattern: RoutePattern?
        if let route = record.route { pattern = try RoutePattern(route) }
        self.init(
            name: name, route: pattern, httpMethods: record.methods,
            traffic: try TrafficPolicy(weights: record.traffic, shadows: record.shadows),
            backends: backends)
    }
}
