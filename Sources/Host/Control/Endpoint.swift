package import HostMiddleware

/// A name, with a route and the HTTP methods it takes, and the backends that answer.
///
/// Never changes: another one of the same name takes its place in the ``RouteTable``.
package final class Endpoint: Sendable {
    /// The HTTP methods that there are to take, whoever configures it.
    static let possibleMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    package let name: String
    /// nil: reachable by handles alone.
    package let pattern: RoutePattern?
    /// The HTTP methods it takes. HEAD is taken wherever GET is.
    package let httpMethods: [String]
    package let traffic: TrafficPolicy
    /// Those that have a weight, by tag.
    package let backends: [BackendEntrance]
    /// Those that get copies of calls, by tag.
    package let shadows: [BackendEntrance]

    /// Who answers a call, and who else gets it.
    package struct Assignment: Sendable {
        package let backend: BackendEntrance
        package let shadows: [BackendEntrance]
    }

    /// - Parameter backends: by tag: all that have a part of the traffic, at least.
    package init(
        name: String, route: RoutePattern?, httpMethods: [String] = ["GET", "POST"],
        traffic: TrafficPolicy, backends: [String: BackendEntrance]
    ) {
        func backend(_ tag: String) -> BackendEntrance {
            guard let backend = backends[tag] else {
                preconditionFailure("\(name) has traffic for the backend \(tag), which isn't there")
            }
            return backend
        }
        self.name = name
        pattern = route
        self.httpMethods = httpMethods
        self.traffic = traffic
        self.backends = traffic.targets.map(backend)
        shadows = traffic.shadowTargets.map(backend)
    }

    /// The endpoint of a record.
    ///
    /// - Throws: ``ControlError`` when its route or its shares can't be.
    convenience init(
        name: String, _ record: EndpointRecord, backends: [String: BackendEntrance]
    ) throws(ControlError) {
        var pattern: RoutePattern?
        if let route = record.route { pattern = try RoutePattern(route) }
        self.init(
            name: name, route: pattern, httpMethods: record.methods,
            traffic: try TrafficPolicy(weights: record.traffic, shadows: record.shadows),
            backends: backends)
    }

    /// The route as it is written.
    package var route: String? { pattern?.description }

    package func accepts(httpMethod: String) -> Bool {
        httpMethods.contains(httpMethod) || httpMethod == "HEAD" && httpMethods.contains("GET")
    }

    /// Decides where a call goes.
    ///
    /// - Parameter shardKey: calls with the same key go to the same backends; empty: none.
    package func assign(shardKey: @autoclosure () -> String) -> Assignment {
        if traffic.isPlain { return Assignment(backend: backends[0], shadows: []) }
        var generator = SystemRandomNumberGenerator()
        let draw = traffic.draw(shardKey: shardKey(), using: &generator)
        return Assignment(
            backend: backends[draw.backend], shadows: draw.shadows.map { shadows[$0] })
    }
}
