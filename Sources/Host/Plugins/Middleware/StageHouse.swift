internal import NIOConcurrencyHelpers

/// The stages of one generation that are alive, and the thread that makes and ends them: [main].
final class StageHouse: Sendable {
    private struct State {
        /// Made, or being made, and not destroyed yet.
        var count = 0
        var waiters: [@Sendable () -> Void] = []
        /// Made for the first stage.
        var thread: SerialThread?
    }

    private let state = NIOLockedValueBox(State())

    /// A stage is to be made: until ``leave()`` the library is needed.
    func enter() {
        state.withLockedValue { $0.count += 1 }
    }

    func leave() {
        let waiters = state.withLockedValue { state -> [@Sendable () -> Void] in
            state.count -= 1
            guard state.count == 0 else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter() }
    }

    /// - Parameter waiter: called once, also before this returns.
    func whenEmpty(_ waiter: @escaping @Sendable () -> Void) {
        let isEmpty = state.withLockedValue { state in
            if state.count > 0 { state.waiters.append(waiter) }
            return state.count == 0
        }
        if isEmpty { waiter() }
    }

    var thread: SerialThread {
        state.withLockedValue { state in
            let thread = state.thread ?? SerialThread(name: "stages")
            state.thread = thread
            return thread
        }
    }

    /// Nothing will be made any more.
    func close() {
        state.withLockedValue { state in
            defer { state.thread = nil }
            return state.thread
        }?.stop()
    }
}
