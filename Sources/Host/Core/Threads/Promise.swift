internal import NIOConcurrencyHelpers

/// A value that comes once, from any thread, and that a task waits for without blocking one.
package final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case open(waiter: CheckedContinuation<Void, Never>?)
        case fulfilled(Value)
        /// Whoever waited has given up.
        case missed
    }

    private let state = NIOLockedValueBox<State>(.open(waiter: nil))

    package init() {}

    /// Only the first call takes effect.
    ///
    /// - Returns: whether this is it, and nobody has given up waiting before.
    @discardableResult
    package func fulfil(_ value: Value) -> Bool { end(.fulfilled(value)) }

    /// The value, once it is there; to be asked for once.
    package var value: Value {
        get async {
            guard let value = await result else { preconditionFailure("somebody gave up waiting") }
            return value
        }
    }

    /// The value, if it comes in time; to be asked for once.
    ///
    /// - Returns: nil when the time is up. From then on ``fulfil(_:)`` returns false.
    package func value(within limit: Duration) async -> Value? {
        let timer = Task {
            try await Task.sleep(for: limit)
            end(.missed)
        }
        defer { timer.cancel() }
        return await result
    }

    private var result: Value? {
        get async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLockedValue { state in
                    guard case .open = state else { return false }
                    state = .open(waiter: continuation)
                    return true
                }
                if !isOpen { continuation.resume() }
            }
            if case .fulfilled(let value) = state.withLockedValue({ $0 }) { return value }
            return nil
        }
    }

    @discardableResult
    private func end(_ next: State) -> Bool {
        let (isFirst, waiter) = state.withLockedValue { state in
            guard case .open(let waiter) = state else {
                return (false, nil as CheckedContinuation<Void, Never>?)
            }
            state = next
            return (true, waiter)
        }
        waiter?.resume()
        return isFirst
    }
}

extension Promise where Value == Void {
    /// Only the first call takes effect.
    ///
    /// - Returns: whether this is it, and nobody has given up waiting before.
    @discardableResult
    package func fulfil() -> Bool { fulfil(()) }

    /// Waits.
    ///
    /// - Returns: whether it is fulfilled in time.
    @discardableResult
    package func isFulfilled(within limit: Duration) async -> Bool {
        await value(within: limit) != nil
    }
}

/// A time that several waits, one after the other, have together.
package struct TimeLimit: Sendable {
    private let end: ContinuousClock.Instant

    package init(_ duration: Duration) {
        end = .now + duration
    }

    /// Zero when it is over.
    package var left: Duration { max(.zero, end - .now) }
}
