package import HostPipeline
internal import NIOConcurrencyHelpers

/// Which endpoints there are and what stands around them, as the last change left it.
///
/// Requests don't look here: each reads ``snapshot`` once, and uses that for its whole life.
package final class RouteTable: Sendable {
    package typealias Waiter = @Sendable (Endpoint?) -> Void

    private struct State {
        var index = RouteIndex()
        /// What stands around all endpoints; nil: nothing.
        var chain: MiddlewareChain?
        /// Of `index` and `chain` as they are; made when it is first asked for after a change.
        var snapshot: RouteSnapshot?
        var changes = 0
        /// Who waits for an endpoint of a name, by a number.
        var waiters: [String: [Int: Waiter]] = [:]
        var lastWaiter = 0

        mutating func currentSnapshot() -> RouteSnapshot {
            if let snapshot { return snapshot }
            let made = RouteSnapshot(index, chain: chain, number: changes)
            snapshot = made
            return made
        }

        /// Call before a change: lets go of the snapshot, so that an index that nobody else has is changed in place.
        mutating func willChange() {
            snapshot = nil
            changes += 1
        }
    }

    private let state = NIOLockedValueBox(State())
    /// The plugins that may be about to have a route.
    package let arrivals = Arrivals()

    package init() {}

    // MARK: Looking

    /// All of it, as it is at this moment.
    package var snapshot: RouteSnapshot { state.withLockedValue { $0.currentSnapshot() } }

    /// The endpoint that answers a path, which is taken as it was sent.
    package func endpoint(path: Substring) -> Endpoint? {
        state.withLockedValue { $0.index.endpoint(path: path) }
    }

    package func endpoint(named name: String) -> Endpoint? {
        state.withLockedValue { $0.index.byName[name] }
    }

    /// All endpoints, by name.
    package var all: [Endpoint] { state.withLockedValue { $0.index }.all }

    /// The endpoints that have a route, by that.
    package var routed: [(route: String, endpoint: Endpoint)] {
        state.withLockedValue { $0.index }.routed
    }

    // MARK: Changing

    /// Puts an endpoint into the table, in the place of another one of its name: a call finds the one or the other.
    ///
    /// - Returns: the endpoint of another name that has the route; then nothing has changed. nil: it is in.
    @discardableResult
    package func insert(_ endpoint: Endpoint) -> Endpoint? {
        let (owner, waiters) = state.withLockedValue { state -> (Endpoint?, [Int: Waiter]) in
            if let owner = endpoint.pattern.flatMap({ state.index[$0] }),
                owner.name != endpoint.name
            {
                return (owner, [:])
            }
            state.willChange()
            state.index.insert(endpoint)
            return (nil, state.waiters.removeValue(forKey: endpoint.name) ?? [:])
        }
        for waiter in waiters.values { waiter(endpoint) }
        return owner
    }

    /// Puts these endpoints, and what stands around them, in place of all others: a call finds the table before or
    /// after that, and nothing in between.
    ///
    /// - Parameter chain: nil: there is nothing around them.
    package func replaceAll(_ endpoints: [Endpoint], chain: MiddlewareChain?) {
        let waiters = state.withLockedValue { state in
            state.willChange()
            state.index = RouteIndex()
            state.chain = chain
            var waiters: [(Waiter, Endpoint)] = []
            for endpoint in endpoints {
                state.index.insert(endpoint)
                for waiter in (state.waiters.removeValue(forKey: endpoint.name) ?? [:]).values {
                    waiters.append((waiter, endpoint))
                }
            }
            return waiters
        }
        for (waiter, endpoint) in waiters { waiter(endpoint) }
    }

    /// Takes an endpoint out, if there is one of that name.
    package func remove(named name: String) {
        state.withLockedValue { state in
            state.willChange()
            state.index.remove(named: name)
        }
    }

    // MARK: Waiting

    /// Waits for an endpoint of a name that isn't there.
    ///
    /// - Parameters:
    ///   - limit: how long; nil: for ever.
    ///   - waiter: called once, with the endpoint, or nil when the time is up. Any thread, also before this returns.
    func whenThere(_ name: String, limit: Duration?, _ waiter: @escaping Waiter) {
        let (endpoint, number) = state.withLockedValue { state -> (Endpoint?, Int) in
            if let endpoint = state.index.byName[name] { return (endpoint, 0) }
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
