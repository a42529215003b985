internal import HostDispatch
package import HostPipeline

/// A name, with a route and the HTTP methods it takes, and the backends that answer.
///
/// Never changes: another one of the same name takes its place in the ``RouteTable``.
package final class Endpoint: Sendable {
    /// The HTTP methods of an endpoint for which nobody names any.
    package static let defaultMethods = ["GET", "POST"]

    /// The HTTP methods that there are to take, whoever configures it.
    package static let possibleMethods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    ]

    package let name: String
    /// nil: reachable by handles alone.
    package let pattern: RoutePattern?
    /// The HTTP methods it takes. HEAD is taken wherever GET is.
    package let httpMethods: [String]
    package let traffic: TrafficPolicy
    /// Those that have a weight, by tag.
    package let backends: [BackendPipeline]
    /// Those that get copies of calls, by tag.
    package let shadows: [BackendPipeline]

    /// Who answers a call, and who else gets it.
    package struct Assignment: Sendable {
        package let backend: BackendPipeline
        package let shadows: [BackendPipeline]
    }

    /// - Parameter backends: by tag: all that have a part of the traffic, at least.
    package init(
        name: String, route: RoutePattern?, httpMethods: [String] = Endpoint.defaultMethods,
        traffic: TrafficPolicy, backends: [String: BackendPipeline]
    ) {
        func backend(_ tag: String) -> BackendPipeline {
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
