internal import Dispatch
internal import NIOConcurrencyHelpers

/// A thread that runs what it is handed, in order, and sleeps in between.
package final class SerialThread: Sendable {
    private enum Work {
        case job(@Sendable () -> Void)
        case stop
    }

    private let inbox = NIOLockedValueBox<[Work]>([])
    private let signal = DispatchSemaphore(value: 0)

    /// - Parameter activity: whose code it runs.
    package init(name: String, running activity: PluginActivity? = nil) {
        PluginThread.start(name: name, running: activity) { [self] in
            while true {
                signal.wait()
                switch inbox.withLockedValue({ $0.removeFirst() }) {
                case .job(let job): job()
                case .stop: return
                }
            }
        }
    }

    package func submit(_ job: @escaping @Sendable () -> Void) {
        prepare(job)
        wake()
    }

    /// Hands a job over without waking the thread: ``wake()`` is owed for it.
    package func prepare(_ job: @escaping @Sendable () -> Void) {
        inbox.withLockedValue { $0.append(.job(job)) }
    }

    package func wake() {
        signal.signal()
    }

    /// Ends the thread after what it has been handed.
    package func stop() {
        inbox.withLockedValue { $0.append(.stop) }
        wake()
    }

    /// Runs a plugin's lifecycle function on the thread and waits for it, without blocking.
    ///
    /// - Parameter late: gets the value if it comes after the time was up, to undo it. Runs on the thread.
    /// - Throws: what `body` throws; ``PluginError`` with the code `timedOut`, and the thread stays where it is.
    package func perform<Value: Sendable>(
        _ what: String, timeout: Duration,
        _ body: @escaping @Sendable () throws(PluginError) -> Value,
        late: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(PluginError) -> Value {
        let promise = Promise<Result<Value, PluginError>>()
        submit {
            let result = Result { () throws(PluginError) in try body() }
            if !promise.fulfil(result), case .success(let value) = result { late(value) }
        }
        guard let result = await promise.value(within: timeout) else {
            throw .timedOut(what, after: timeout)
        }
        return try result.get()
    }
}
