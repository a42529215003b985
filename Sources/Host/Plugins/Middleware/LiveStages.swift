internal import HostCore
internal import NIOConcurrencyHelpers

/// The stages of one generation that are alive, the thread that makes and ends them, [lifecycle], and the thread on
/// which they see what must not come to them where it is.
final class LiveStages: Sendable {
    private struct State {
        /// Made, or being made, and not destroyed yet.
        var count = 0
        var waiters: [@Sendable () -> Void] = []
        /// Made for the first stage.
        var thread: SerialThread?
        /// Made when it is first needed.
        var requestThread: SerialThread?
    }

    private let state = NIOLockedValueBox(State())
    private let activity: PluginActivity

    /// - Parameter activity: whose code runs on the thread.
    init(running activity: PluginActivity) {
        self.activity = activity
    }

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
            let thread = state.thread ?? SerialThread(name: "stages", running: activity)
            state.thread = thread
            return thread
        }
    }

    /// For requests and responses that come on a thread on which no plugin may run. Another one than ``thread``: a
    /// `create` may take its time, and deadlines don't wait for it.
    var requestThread: SerialThread {
        state.withLockedValue { state in
            let thread = state.requestThread ?? SerialThread(name: "stage requests")
            state.requestThread = thread
            return thread
        }
    }

    /// Nothing will be made any more.
    func close() {
        let threads = state.withLockedValue { state in
            defer { (state.thread, state.requestThread) = (nil, nil) }
            return [state.thread, state.requestThread]
        }
        for thread in threads { thread?.stop() }
    }
}
