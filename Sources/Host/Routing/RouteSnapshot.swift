internal import HostDispatch
package import HostPipeline

/// What one configuration declares for requests: the chain around all endpoints, the routes, the traffic policies and
/// the backends with the chains around them. Never changes.
///
/// A request reads it once and uses it for its whole life, however long its body takes to arrive: parts of two
/// configurations could add up to a chain that nobody has declared, such as one without its `auth`.
package final class RouteSnapshot: Sendable {
    /// What stands around all endpoints; nil: nothing.
    package let chain: MiddlewareChain?
    /// Tells it from the table's other snapshots.
    package let number: Int
    private let index: RouteIndex

    init(_ index: RouteIndex, chain: MiddlewareChain?, number: Int) {
        self.index = index
        self.chain = chain
        self.number = number
    }

    /// The endpoint that answers a path, which is taken as it was sent.
    package func endpoint(path: Substring) -> Endpoint? { index.endpoint(path: path) }

    /// The endpoints that have a route, by that.
    package var routed: [(route: String, endpoint: Endpoint)] { index.routed }

    /// Another number whenever a backend has got another version of its plugin.
    package var installations: Int {
        index.byName.values.reduce(0) { sum, endpoint in
            endpoint.backends.reduce(sum) { $0 + $1.backend.installations }
        }
    }
}
