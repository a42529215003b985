package import HostMiddleware
internal import NIOConcurrencyHelpers

/// Which endpoint answers which path, and which has which name. Read on every request, from every thread.
///
/// A path goes to the endpoint with exactly that route, or else to the one with the longest prefix of it. That takes
/// one lookup, and one more for each segment that the deepest prefix has, however many endpoints there are and however
/// long the path is.
package final class RouteTable: Sendable {
    package typealias Waiter = @Sendable (Endpoint?) -> Void

    fileprivate struct State {
        var byName: [String: Endpoint] = [:]
        var exact: [PathBytes: Endpoint] = [:]
        /// By their paths, without `/*`.
        var prefixes: [PathBytes: Endpoint] = [:]
        /// How many prefixes have how many segments, and how many the deepest has.
        var prefixDepths: [Int: Int] = [:]
        var deepestPrefix = 0
        /// Who waits for an endpoint of a name, by a number.
        var waiters: [String: [Int: Waiter]] = [:]
        var lastWaiter = 0
    }

    private let state = NIOLockedValueBox(State())
    private let hostChain = NIOLockedValueBox<MiddlewareChain?>(nil)

    package init() {}

    /// What stands around all endpoints; nil: nothing.
    package var chain: MiddlewareChain? {
        get { hostChain.withLockedValue { $0 } }
        set { hostChain.withLockedValue { $0 = newValue } }
    }

    // MARK: Looking

    /// The endpoint that answers a path, which is taken as it was sent.
    package func endpoint(path: Substring) -> Endpoint? {
        state.withLockedValue { $0.endpoint(path: path) }
    }

    package func endpoint(named name: String) -> Endpoint? {
        state.withLockedValue { $0.byName[name] }
    }

    /// All endpoints, by name.
    package var all: [Endpoint] {
        state.withLockedValue { $0.byName.values.sorted { $0.name < $1.name } }
    }

    /// The endpoints that have a route, by that.
    package var routed: [(route: String, endpoint: Endpoint)] {
        all.compactMap { endpoint in endpoint.route.map { ($0, endpoint) } }
            .sorted { $0.0 < $1.0 }
    }

    // MARK: Changing

    /// Puts an endpoint into the table, in the place of another one of its name: a call finds the one or the other.
    ///
    /// - Returns: the endpoint of another name that has the route; then nothing has changed. nil: it is in.
    @discardableResult
    package func insert(_ endpoint: Endpoint) -> Endpoint? {
        let (owner, waiters) = state.withLockedValue { state -> (Endpoint?, [Int: Waiter]) in
            if let owner = endpoint.pattern.flatMap({ state[$0] }), owner.name != endpoint.name {
                return (owner, [:])
            }
            if let old = state.byName[endpoint.name]?.pattern { state[old] = nil }
            if let route = endpoint.pattern { state[route] = endpoint }
            state.byName[endpoint.name] = endpoint
            return (nil, state.waiters.removeValue(forKey: endpoint.name) ?? [:])
        }
        for waiter in waiters.values { waiter(endpoint) }
        return owner
    }

    /// Puts these endpoints in place of all others: a call finds the table before or after that, and nothing in
    /// between.
    func replaceAll(_ endpoints: [Endpoint]) {
        let waiters = state.withLockedValue { state in
            state.exact = [:]
            state.prefixes = [:]
            state.prefixDepths = [:]
            state.deepestPrefix = 0
            state.byName = [:]
            var waiters: [(Waiter, Endpoint)] = []
            for endpoint in endpoints {
                if let route = endpoint.pattern { state[route] = endpoint }
                state.byName[endpoint.name] = endpoint
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
            guard let endpoint = state.byName.removeValue(forKey: name) else { return }
            if let route = endpoint.pattern { state[route] = nil }
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

extension RouteTable.State {
    /// The endpoint with a route.
    fileprivate subscript(route: RoutePattern) -> Endpoint? {
        get {
            let key = PathBytes(route.path[...])
            return route.isPrefix ? prefixes[key] : exact[key]
        }
        set {
            let key = PathBytes(route.path[...])
            guard route.isPrefix else {
                exact[key] = newValue
                return
            }
            let change = (newValue == nil ? 0 : 1) - (prefixes[key] == nil ? 0 : 1)
            prefixes[key] = newValue
            let count = prefixDepths[route.depth, default: 0] + change
            prefixDepths[route.depth] = count == 0 ? nil : count
            deepestPrefix = prefixDepths.keys.max() ?? 0
        }
    }

    fileprivate func endpoint(path: Substring) -> Endpoint? {
        if let endpoint = exact[PathBytes(path)] { return endpoint }
        guard !prefixes.isEmpty, path.utf8.first == UInt8(ascii: "/") else { return nil }
        // Up from the deepest segment that a prefix can reach: a path may have thousands.
        var prefix = path[..<end(of: path, segments: deepestPrefix)]
        while true {
            if let endpoint = prefixes[PathBytes(prefix)] { return endpoint }
            guard let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            prefix = prefix[..<slash]
        }
    }

    /// Where the first segments of a path end.
    private func end(of path: Substring, segments: Int) -> Substring.Index {
        var left = segments
        for index in path.utf8.indices where path.utf8[index] == UInt8(ascii: "/") {
            if left == 0 { return index }
            left -= 1
        }
        return path.endIndex
    }
}
