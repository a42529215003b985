package import HostPlugins
internal import NIOConcurrencyHelpers

/// One instance of a plugin with the threads that run its calls.
///
/// The first thread makes the instance, runs its lifecycle functions and destroys it. A re-entrant plugin gets more
/// threads when more calls run at once. Which thread runs what and when is the backend's decision.
package final class Replica: Sendable {
    package let id = ReplicaID()
    /// 0, 1, ... within its set.
    package let index: Int
    private let instance: PluginInstance
    private let threads: NIOLockedValueBox<[SerialThread]>
    private let name: String

    /// Starts the first thread and makes the instance on it, warms it up and asks for its health.
    ///
    /// - Throws: ``PluginError`` from the plugin, or when it takes too long. An instance that is ready after that is
    ///   destroyed at once.
    package static func start(
        of generation: PluginGeneration, index: Int, backend: String, settings: BackendSettings
    ) async throws(PluginError) -> Replica {
        let replica = try await create(
            of: generation, index: index, backend: backend, settings: settings)
        do throws(PluginError) {
            let timeout = settings.lifecycleTimeout
            try await replica.perform("warm_up", timeout: timeout) { instance throws(PluginError) in
                try instance.warmUp()
            }
            try await replica.perform("health check", timeout: timeout) {
                instance throws(PluginError) in try instance.checkHealth()
            }
            return replica
        } catch {
            try? await replica.stop(timeout: settings.lifecycleTimeout)
            throw error
        }
    }

    private static func create(
        of generation: PluginGeneration, index: Int, backend: String, settings: BackendSettings
    ) async throws(PluginError) -> Replica {
        let thread = SerialThread(name: backend)
        let create: @Sendable () throws(PluginError) -> PluginInstance = {
            () throws(PluginError) in
            try PluginInstance(
                of: generation, replica: index, backend: backend, userConfig: settings.userConfig)
        }
        do throws(PluginError) {
            let instance = try await thread.perform(
                "create", timeout: settings.lifecycleTimeout, create, late: { $0.destroy() })
            return Replica(instance, index: index, name: backend, thread: thread)
        } catch {
            thread.stop()
            throw error
        }
    }

    private init(_ instance: PluginInstance, index: Int, name: String, thread: SerialThread) {
        self.instance = instance
        self.index = index
        self.name = name
        threads = NIOLockedValueBox([thread])
    }

    /// Runs lifecycle functions of the instance on the first thread. No call may be running or be sent meanwhile.
    ///
    /// - Parameter what: the function, for the error when it takes too long.
    package func perform<Value: Sendable>(
        _ what: String, timeout: Duration,
        _ body: @escaping @Sendable (PluginInstance) throws(PluginError) -> Value
    ) async throws(PluginError) -> Value {
        let thread = threads.withLockedValue { $0[0] }
        return try await thread.perform(what, timeout: timeout) {
            [instance] () throws(PluginError) in try body(instance)
        }
    }

    /// Destroys the instance and ends the threads. No call may be running.
    ///
    /// - Throws: ``PluginError`` when `destroy` takes too long; the threads end when it returns.
    package func stop(timeout: Duration) async throws(PluginError) {
        defer { endThreads() }
        try await perform("destroy", timeout: timeout) { $0.destroy() }
    }

    /// Ends the threads, when they come back from the call they are stuck in, without destroying the instance.
    package func abandon() {
        endThreads()
    }

    private func endThreads() {
        for thread in threads.withLockedValue({ $0 }) { thread.stop() }
    }

    // MARK: Calls

    /// Hands an assignment to its thread.
    ///
    /// - Returns: the thread, which is to be woken for it.
    func prepare(_ assignment: BackendState.Assignment, backend: Backend) -> SerialThread {
        let thread = threads.withLockedValue { threads in
            // Assignments that were made one after the other may come here in another order.
            while threads.count <= assignment.thread! { threads.append(SerialThread(name: name)) }
            return threads[assignment.thread!]
        }
        thread.prepare { [self] in
            var next: BackendState.Assignment? = assignment
            while let assignment = next {
                execute(assignment, backend: backend)
                next = backend.returned(assignment)?.0
            }
        }
        return thread
    }

    /// Does an assignment's work on this thread.
    func execute(_ assignment: BackendState.Assignment, backend: Backend) {
        switch assignment.work {
        case .calls(let method, let calls):
            instance.invoke(method: method, calls: calls)
        case .healthCheck:
            do throws(PluginError) {
                try instance.checkHealth()
                backend.healthChecked(self, nil)
            } catch {
                backend.healthChecked(self, error)
            }
        }
    }
}
