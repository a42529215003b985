import Backplane
import HostPipeline
import HostRouting

extension TestHost {
    /// Puts an endpoint over the backends of plugins that are served, in the place of one of its name.
    ///
    /// - Parameters:
    ///   - weights: by the plugins' names.
    ///   - shadows: by the plugins' names.
    package func setEndpoint(
        _ name: String, route: String? = nil, httpMethods: [String] = ["GET", "POST"],
        weights: [String: Double], shadows: [String: Double] = [:]
    ) throws {
        var backends: [String: BackendPipeline] = [:]
        for plugin in Set(weights.keys).union(shadows.keys) {
            backends[plugin] = host.routes.endpoint(named: plugin)?.backends[0]
        }
        let endpoint = Endpoint(
            name: name, route: try route.map { try RoutePattern($0) }, httpMethods: httpMethods,
            traffic: try TrafficPolicy(weights: weights, shadows: shadows), backends: backends)
        if let owner = host.routes.insert(endpoint) { throw RouteTaken(owner: owner.name) }
    }

    private struct RouteTaken: Error {
        let owner: String
    }
}
