internal import Synchronization

/// Which endpoint answers which path. Read on every request, from every event loop.
package final class RouteTable: Sendable {
    private let endpoints = Mutex<[String: Endpoint]>([:])

    package init() {}

    package func endpoint(route: some StringProtocol) -> Endpoint? {
        let route = String(route)
        return endpoints.withLock { $0[route] }
    }

    package func endpoint(named name: String) -> Endpoint? {
        endpoints.withLock { endpoints in endpoints.values.first { $0.name == name } }
    }

    /// All endpoints by route, for `/-/routes`.
    package var all: [Endpoint] {
        endpoints.withLock { $0.values.sorted { $0.route < $1.route } }
    }

    func insert(_ endpoint: Endpoint) {
        endpoints.withLock { $0[endpoint.route] = endpoint }
    }

    func remove(_ endpoint: Endpoint) {
        endpoints.withLock { $0[endpoint.route] = nil }
    }
}
