internal import NIOConcurrencyHelpers

/// A value that one task waits for, and that comes once; what comes later is dropped.
final class OneValue<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Value, Never>)
        case there(Value)
    }

    private let state = NIOLockedValueBox(State.open)

    func give(_ value: Value) {
        let waiter = state.withLockedValue { state -> CheckedContinuation<Value, Never>? in
            switch state {
            case .open:
                state = .there(value)
                return nil
            case .awaited(let waiter):
                state = .there(value)
                return waiter
            case .there:
                return nil
            }
        }
        waiter?.resume(returning: value)
    }

    /// One task at a time.
    func value() async -> Value {
        await withCheckedContinuation { waiter in
            let value = state.withLockedValue { state -> Value? in
                if case .there(let value) = state { return value }
                state = .awaited(waiter)
                return nil
            }
            if let value { waiter.resume(returning: value) }
        }
    }
}
