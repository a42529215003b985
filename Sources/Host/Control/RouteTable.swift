internal import NIOConcurrencyHelpers

/// Which endpoint answers which path, and which has which name. Read on every request, from every thread.
package final class RouteTable: Sendable {
    package typealias Waiter = @Sendable (Endpoint?) -> Void

    private struct State {
        var byRoute: [String: Endpoint] = [:]
        var byName: [String: Endpoint] = [:]
        /// Who waits for an endpoint of a name, by a number.
        var waiters: [String: [Int: Waiter]] = [:]
        var lastWaiter = 0
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    package func endpoint(route: some StringProtocol) -> Endpoint? {
        let route = String(route)
        return state.withLockedValue { $0.byRoute[route] }
    }

    package func endpoint(named name: String) -> Endpoint? {
        state.withLockedValue { $0.byName[name] }
    }

    /// All endpoints by route, for `/-/routes`.
    package var all: [Endpoint] {
        state.withLockedValue { $0.byRoute.values.sorted { $0.route < $1.route } }
    }

    func insert(_ endpoint: Endpoint) {
        let waiters = state.withLockedValue { state in
            state.byRoute[endpoint.route] = endpoint
            state.byName[endpoint.name] = endpoint
            return state.waiters.removeValue(forKey: endpoint.name)
        }
        for waiter in waiters?.values.map({ $0 }) ?? [] { waiter(endpoint) }
    }

    func remove(_ endpoint: Endpoint) {
        state.withLockedValue { state in
            state.byRoute[endpoint.route] = nil
            state.byName[endpoint.name] = nil
        }
    }

    /// Waits for an endpoint of a name that isn't there.
    ///
    /// - Parameters:
    ///   - limit: how long; nil: for ever.
    ///   - waiter: called once, with the endpoint, or nil when the time is up. Any thread, also before this returns.
    func whenThere(_ name: String, limit: Duration?, _ waiter: @escaping Waiter) {
        let (endpoint, number) = state.withLockedValue { state -> (Endpoint?, Int) in
            if let endpoint = state.byName[name] { return (endpoint, 0) }
            state.lastWaiter += 1
            state.waiters[name, default: [:]][state.lastWaiter] = waiter
            return (nil, state.lastWaiter)
        }
        if let endpoint {
            waiter(endpoint)
        } else if let limit {
            Task {
                try? await Task.sleep(for: limit)
                removeWaiter(number, for: name)?(nil)
            }
        }
    }

    private func removeWaiter(_ number: Int, for name: String) -> Waiter? {
        state.withLockedValue { state in
            let waiter = state.waiters[name]?.removeValue(forKey: number)
            if state.waiters[name]?.isEmpty == true { state.waiters[name] = nil }
            return waiter
        }
    }
}
