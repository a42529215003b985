internal import Foundation
internal import NIOConcurrencyHelpers

/// Threads that plugin code runs on: it may block, so it never gets an event loop or the cooperative pool.
package enum PluginThread {
    /// Starts a thread that runs `body` and ends.
    ///
    /// - Parameter name: shown by `ps -T` and debuggers, cut to the 15 bytes that the kernel keeps.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread {
            // On the thread itself: set from another one, the name stays inside Foundation.
            Thread.current.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
            body()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Runs `body` on a thread of its own and waits for it, without blocking.
    ///
    /// - Parameters:
    ///   - what: the function's name in the error, such as `create`.
    ///   - timeout: how long to wait. The thread can't be ended: it is left to itself.
    ///   - late: gets what `body` returned after the time was up, to undo it. Runs on that thread.
    /// - Throws: what `body` throws; ``PluginError`` with the code `timedOut`.
    package static func run<Value: Sendable>(
        name: String, what: String, timeout: Duration,
        _ body: @escaping @Sendable () throws(PluginError) -> Value,
        late: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(PluginError) -> Value {
        let outcome = Outcome<Value>()
        start(name: name) {
            let result = Result { () throws(PluginError) in try body() }
            if !outcome.settle(result), case .success(let value) = result { late(value) }
        }
        return try await outcome.wait(for: what, timeout: timeout)
    }
}

/// A result that arrives once, from any thread, and is waited for with a limit.
package final class Outcome<Value: Sendable>: Sendable {
    private enum State {
        case open((@Sendable (Result<Value, PluginError>) -> Void)?)
        case settled(Result<Value, PluginError>)
    }

    private let state = NIOLockedValueBox<State>(.open(nil))

    package init() {}

    /// - Returns: whether this was the first result; a later one changes nothing.
    @discardableResult
    package func settle(_ result: Result<Value, PluginError>) -> Bool {
        let resume: (@Sendable (Result<Value, PluginError>) -> Void)?? = state.withLockedValue {
            state in
            guard case .open(let waiter) = state else { return nil }
            state = .settled(result)
            return .some(waiter)
        }
        guard let resume else { return false }
        resume?(result)
        return true
    }

    /// Waits for the result; to be called once.
    ///
    /// - Throws: the result's error, or one with the code `timedOut`.
    package func wait(for what: String, timeout: Duration) async throws(PluginError) -> Value {
        let timer = Task {
            try await Task.sleep(for: timeout)
            settle(.failure(PluginError(.timedOut, "\(what) did not return within \(timeout)")))
        }
        defer { timer.cancel() }
        let result = await withCheckedContinuation { continuation in
            let settled: Result<Value, PluginError>? = state.withLockedValue { state in
                if case .settled(let result) = state { return result }
                state = .open { continuation.resume(returning: $0) }
                return nil
            }
            if let settled { continuation.resume(returning: settled) }
        }
        return try result.get()
    }
}
