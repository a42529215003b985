internal import HostCore
internal import HostDispatch
internal import HostPlugins
internal import NIOConcurrencyHelpers

/// Runs a replica's calls on threads of this process.
///
/// The first thread makes the instance, runs its lifecycle functions and destroys it. A re-entrant plugin gets more
/// threads when more calls run at once, or a health check beside them.
final class InProcessWorker: ReplicaWorker {
    private let instance: PluginInstance
    private let threads: NIOLockedValueBox<[SerialThread]>
    private let name: String
    private let activity: PluginActivity

    /// Starts the first thread and makes the instance on it.
    ///
    /// - Throws: ``PluginError`` from the plugin, or when it takes longer than `limit`. An instance that is there after
    ///   that is destroyed at once.
    static func start(
        of generation: PluginGeneration, replica index: Int, backend: String, userConfig: String,
        within limit: Duration
    ) async throws(PluginError) -> InProcessWorker {
        let thread = SerialThread(
            name: backend, running: generation.activity(backend: backend))
        let create: @Sendable () throws(PluginError) -> PluginInstance = {
            () throws(PluginError) in
            try PluginInstance(
                of: generation, replica: index, backend: backend, userConfig: userConfig)
        }
        do throws(PluginError) {
            let instance = try await thread.perform(
                "create", timeout: limit, create, late: { $0.destroy() })
            return InProcessWorker(instance, name: backend, thread: thread)
        } catch {
            thread.stop()
            throw error
        }
    }

    private init(_ instance: PluginInstance, name: String, thread: SerialThread) {
        self.instance = instance
        self.name = name
        activity = instance.generation.activity(backend: name)
        threads = NIOLockedValueBox([thread])
    }

    // MARK: Calls

    func prepare(_ assignment: Assignment, of owner: any AssignmentOwner) -> (any Wakeable)? {
        let thread = threads.withLockedValue { threads in
            // Assignments that were made one after the other may come here in another order.
            while threads.count <= assignment.thread! {
                threads.append(SerialThread(name: name, running: activity))
            }
            return threads[assignment.thread!]
        }
        thread.prepare { [self] in
            var next: Assignment? = assignment
            while let assignment = next {
                run(assignment, of: owner)
                next = owner.returned(assignment)
                assert(next == nil || next?.thread == assignment.thread, "another thread's work")
            }
        }
        return thread
    }

    func runInline(_ assignment: Assignment, of owner: any AssignmentOwner) {
        run(assignment, of: owner)
    }

    private func run(_ assignment: Assignment, of owner: any AssignmentOwner) {
        switch assignment.work {
        case .calls(let method, let calls):
            if calls.count == 1 {
                instance.invoke(method: method, call: calls[0])
            } else {
                instance.invoke(method: method, calls: Array(calls))
            }
        case .healthCheck:
            do throws(PluginError) {
                try instance.checkHealth()
                owner.healthChecked(assignment.replica, nil)
            } catch {
                owner.healthChecked(assignment.replica, error)
            }
        }
    }

    // MARK: Lifecycle

    func warmUp(within limit: Duration) async throws(PluginError) {
        try await perform("warm_up", within: limit) { instance throws(PluginError) in
            try instance.warmUp()
        }
    }

    func checkHealth(within limit: Duration) async throws(PluginError) {
        try await perform("health check", within: limit) { instance throws(PluginError) in
            try instance.checkHealth()
        }
    }

    func save(within limit: Duration) async throws(PluginError) -> [UInt8] {
        try await perform("save", within: limit) { instance throws(PluginError) in
            try instance.save()
        }
    }

    func restore(_ state: [UInt8], within limit: Duration) async throws(PluginError) {
        try await perform("restore", within: limit) { instance throws(PluginError) in
            try instance.restore(state)
        }
    }

    func reconfigure(_ userConfig: String, within limit: Duration) async throws(PluginError) {
        try await perform("reconfigure", within: limit) { instance throws(PluginError) in
            try instance.reconfigure(userConfig)
        }
    }

    /// Destroys the instance and ends the threads.
    func stop(within limit: Duration) async throws(PluginError) {
        defer { endThreads() }
        try await perform("destroy", within: limit) { $0.destroy() }
    }

    func abandon() { endThreads() }

    /// - Parameter what: the function, for the error when it takes too long.
    private func perform<Value: Sendable>(
        _ what: String, within limit: Duration,
        _ body: @escaping @Sendable (PluginInstance) throws(PluginError) -> Value
    ) async throws(PluginError) -> Value {
        let thread = threads.withLockedValue { $0[0] }
        return try await thread.perform(what, timeout: limit) {
            [instance] () throws(PluginError) in try body(instance)
        }
    }

    /// They end when they come back from what they are at.
    private func endThreads() {
        for thread in threads.withLockedValue({ $0 }) { thread.stop() }
    }
}
