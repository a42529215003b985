internal import NIOConcurrencyHelpers

/// Which endpoint answers which path. Read on every request, from every event loop.
package final class RouteTable: Sendable {
    private let endpoints = NIOLockedValueBox<[String: Endpoint]>([:])

    package init() {}

    package func endpoint(route: some StringProtocol) -> Endpoint? {
        let route = String(route)
        return endpoints.withLockedValue { $0[route] }
    }

    package func endpoint(named name: String) -> Endpoint? {
        endpoints.withLockedValue { endpoints in endpoints.values.first { $0.name == name } }
    }

    /// All endpoints by route, for `/-/routes`.
    package var all: [Endpoint] {
        endpoints.withLockedValue { $0.values.sorted { $0.route < $1.route } }
    }

    func insert(_ endpoint: Endpoint) {
        endpoints.withLockedValue { $0[endpoint.route] = endpoint }
    }

    func remove(_ endpoint: Endpoint) {
        endpoints.withLockedValue { $0[endpoint.route] = nil }
    }
}
