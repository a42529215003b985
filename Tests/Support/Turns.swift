import NIOConcurrencyHelpers

/// A number of turns, given in the order in which they are asked for.
package final class Turns: Sendable {
    /// Hosts in the tests' own process at once: each has threads, an inotify instance (of which a user has 128) and
    /// plugins that look at the clock.
    static let hosts = Turns(count: 6)

    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: NIOLockedValueBox<State>

    package init(count: Int) {
        state = NIOLockedValueBox(State(free: count))
    }

    package func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLockedValue { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    package func giveBack() {
        let next = state.withLockedValue { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
