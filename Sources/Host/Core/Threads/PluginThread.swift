internal import CLinux
internal import Foundation

/// Threads that plugin code runs on: it may block, so it never gets an event loop or the cooperative pool.
package enum PluginThread {
    /// Starts a thread that runs `body` and ends.
    ///
    /// - Parameters:
    ///   - name: shown by `ps -T` and debuggers, cut to the 15 bytes that the kernel keeps.
    ///   - activity: whose code it runs, if it is one plugin's.
    package static func start(
        name: String, running activity: PluginActivity? = nil,
        _ body: @escaping @Sendable () -> Void
    ) {
        let thread = Thread {
            // Not by `Thread.name`, which a thread that has just begun may set to no effect.
            unsafe clinux_thread_name(cut(name))
            if let activity { activity.begin() } else { PluginActivity.beginUnnamed() }
            body()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// As much of a name as the kernel keeps, in whole characters.
    private static func cut(_ name: String) -> String {
        var name = name
        while name.utf8.count > 15 { name.unicodeScalars.removeLast() }
        return name
    }

    /// Runs `body` on a thread of its own and waits for it, however long it takes, without blocking.
    package static func value<Value: Sendable>(
        name: String, _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        let promise = Promise<Value>()
        start(name: name) { promise.fulfil(body()) }
        return await promise.value
    }

    /// Runs `body` on a thread of its own and waits for it, without blocking.
    ///
    /// - Parameters:
    ///   - name: the plugin's, and the thread's.
    ///   - what: the function's name in the error, such as `create`.
    ///   - timeout: how long to wait. The thread can't be ended: it is left to itself.
    ///   - late: gets what `body` returned after the time was up, to undo it. Runs on that thread.
    /// - Throws: what `body` throws; ``PluginError`` with the code `timedOut`.
    package static func run<Value: Sendable>(
        name: String, what: String, timeout: Duration,
        _ body: @escaping @Sendable () throws(PluginError) -> Value,
        late: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(PluginError) -> Value {
        let promise = Promise<Result<Value, PluginError>>()
        start(name: name, running: PluginActivity(plugin: name)) {
            let result = Result { () throws(PluginError) in try body() }
            if !promise.fulfil(result), case .success(let value) = result { late(value) }
        }
        guard let result = await promise.value(within: timeout) else {
            throw .timedOut(what, after: timeout)
        }
        return try result.get()
    }
}
