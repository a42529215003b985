internal import HostCore
internal import NIOConcurrencyHelpers

/// Who may still send calls to a backend: the entrances that routes, and requests on their way, hold.
///
/// A backend that no route leads to any more may get calls all the same, from requests that found their route before
/// and whose bodies are still arriving. It goes when the last entrance has gone.
package final class BackendUsers: Sendable {
    private struct State {
        var count = 0
        var waiters: [Promise<Void>] = []
    }

    private let state = NIOLockedValueBox(State())

    package func enter() {
        state.withLockedValue { $0.count += 1 }
    }

    package func leave() {
        let waiters = state.withLockedValue { state -> [Promise<Void>] in
            state.count -= 1
            guard state.count == 0 else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fulfil() }
    }

    /// Waits until nobody can send a call any more.
    ///
    /// - Returns: whether that came in time.
    @discardableResult
    package func areGone(within limit: Duration) async -> Bool {
        let gone = Promise<Void>()
        let isOver = state.withLockedValue { state in
            if state.count > 0 { state.waiters.append(gone) }
            return state.count == 0
        }
        if isOver { return true }
        defer { state.withLockedValue { $0.waiters.removeAll { $0 === gone } } }
        return await gone.isFulfilled(within: limit)
    }
}
