internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostLoader
internal import HostPluginStages
internal import HostPlugins
internal import HostRouting
internal import HostWorkers
internal import Logging
internal import NIOCore

/// One plugin file and the backends that are served from it: takes each new version of the file into service, or says
/// why not.
///
/// The order of a (re)load, each step undone if a later one fails; until the swap the old generation serves, and
/// after a failure it serves on:
///
/// 1. copy the file, so that nothing can change under the mapping; read the manifest beside it
/// 2. map the copy and check its descriptor, run its `load`
/// 3. make the replicas of each backend, warm them up, ask for their health
/// 4. if both generations hand state over: hold new calls, let the old ones finish, move the state
/// 5. swap: waiting and new calls go to the new replicas
/// 6. let the old replicas finish their calls, destroy them, run `unload`: retired
///
/// Operations on one plugin run one after the other, in the order they were asked for. No plugin code runs on the
/// actor.
actor PluginDeployment {
    enum Trigger {
        /// The file may have changed; unchanged content is left alone.
        case file
        /// An operator wants a new generation, changed or not.
        case operatorRequest
    }

    /// What the deployment shares with the others.
    struct Environment: Sendable {
        let store: LibraryStore
        /// What the plugins' own handles call.
        let handles: HandleCalls
        let settings: ControlSettings
        let logger: Logger
        /// Numbers generations, never the same one twice in a host.
        let nextGeneration: @Sendable () -> Int
        let directory: any BackendDirectory
        /// The places in chains where plugins stand.
        let stages: PluginStages
        /// Reports changes of these paths as ones of a plugin's file.
        let follow: @Sendable (_ file: String, _ paths: [String]) -> Void
        /// The last versions of the libraries.
        let versions: LibraryVersions
    }

    nonisolated let name: String
    nonisolated let path: String
    nonisolated let manifestPath: String
    let environment: Environment
    let logger: Logger
    /// The generation in service.
    var generation: (any PluginSource)?
    /// What serves from it, by tag.
    var services: [String: BackendService] = [:]
    /// Why backends of the plugin have no replicas, by tag.
    var failures: [String: PluginError] = [:]
    /// When those that may yet get some are tried again.
    var startPause = RetryPause()
    /// Whether the manifest asks for what the plugin refuses for now, so that it is taken later, or not at all.
    var awaitsConfiguration = false
    var startRetry: Task<Void, Never>?
    var state = PluginStatus.State.loading
    /// What an operation may fail at. A reason goes with its own cause: a manifest that is put right mends no library.
    enum Cause {
        /// The file's newest version.
        case library
        /// The manifest, and what the configured backends are to be like.
        case configuration
    }
    /// Why the newest version of the file, or of its manifest, is not in service.
    var reasons: [Cause: PluginError] = [:]
    /// What the operation under way is at.
    var subject = Cause.library
    var failure: PluginError? { reasons[.library] ?? reasons[.configuration] }
    /// Whether it runs in the host's process though plugins that say nothing have others: it offers what can't be had
    /// from those.
    var needsHostProcess = false
    /// What is in effect of the manifest.
    var manifest = PluginManifest()
    /// Backends that a change wants, and that the next generation is to serve with the others.
    var extraTargets: [BackendTarget] = []
    var losses = ReplicaLosses()
    /// The version of the library that serves in place of the file.
    var rolledBackTo: Int?
    /// Generations that are finishing calls, and those that are finalized and still mapped.
    var draining: [Int] = []
    var retired: [Int] = []
    private var lastOperation: Task<Void, Never>?
    private var background: [Int: Task<Void, Never>] = [:]
    /// By generation: the ends of replicas that are no longer in any service.
    private var endings: [Int: [Int: Task<Void, Never>]] = [:]
    private var lastBackground = 0

    init(name: String, path: String, manifestPath: String, environment: Environment) {
        self.name = name
        self.path = path
        self.manifestPath = manifestPath
        self.environment = environment
        var logger = environment.logger
        logger[metadataKey: "plugin"] = "\(name)"
        self.logger = logger
    }

    /// The name of its file in the plugins directory.
    nonisolated var file: String { String(path.split(separator: "/").last ?? "") }

    // MARK: Operations

    /// Takes the file's present content into service.
    ///
    /// - Throws: ``PluginError``; also to be found in ``status`` from then on.
    func load(_ trigger: Trigger) async throws(PluginError) {
        try await reporting { deployment throws(PluginError) in
            try await deployment.takeIntoService(trigger)
        }
    }

    /// Takes into account which backends there are to be, and with which settings. Without a library in service there
    /// is nothing to do: it asks when it comes.
    func backendsChanged() async {
        await configure(unlessOutOfService: true)
    }

    /// Takes the manifest and the configured backends into account. What a running backend can take, it gets without
    /// a reload.
    func configure(unlessOutOfService: Bool = false) async {
        // The error stands in the status, and in the log.
        try? await reporting { deployment throws(PluginError) in
            guard !unlessOutOfService || deployment.generation != nil else { return }
            try await deployment.takeConfiguration()
        }
    }

    /// Makes a replica anew; its state begins afresh. The old one finishes its calls.
    ///
    /// - Parameter index: the replica's in its backend; nil: all, one after the other.
    func restart(_ index: Int?) async throws(ControlError) {
        let error = await inOrder { deployment -> ControlError? in
            do throws(ControlError) {
                try await deployment.restartReplicas(index)
                return nil
            } catch {
                return error
            }
        }
        if let error { throw error }
    }

    /// A replica has left the rotation.
    func replicaLost(_ replica: Replica, of tag: String, _ loss: ReplicaLoss) async {
        await inOrder { await $0.replaceLost(replica, of: tag, loss) }
    }

    /// Shows the file with a reason why it isn't served, without looking into it.
    func reject(_ error: PluginError) async {
        await inOrder { deployment in
            deployment.subject = .library
            deployment.fail(error)
        }
    }

    /// Takes the plugin out of service: calls in flight finished, replicas destroyed.
    ///
    /// - Parameter isGone: whether the file is, and what it brought with it goes too; otherwise the host ends.
    func remove(isGone: Bool) async {
        await inOrder { await $0.takeOutOfService(isGone: isGone) }
    }

    /// Waits for what is still finishing its calls.
    func settle() async {
        for task in background.values { await task.value }
    }

    var isServing: Bool { generation != nil }

    /// Whether there is something to be told of a plugin whose file is gone.
    var hasLeftSomething: Bool {
        state != .retired || !retired.isEmpty || !draining.isEmpty || absenceFromChains != nil
    }

    func inOrder<Value: Sendable>(
        _ operation: @escaping @Sendable (isolated PluginDeployment) async -> Value
    ) async -> Value {
        await enqueue(operation).value
    }

    /// Lets an operation begin when those before it are over.
    @discardableResult
    func enqueue<Value: Sendable>(
        _ operation: @escaping @Sendable (isolated PluginDeployment) async -> Value
    ) -> Task<Value, Never> {
        let previous = lastOperation
        let task = Task {
            await previous?.value
            return await operation(self)
        }
        lastOperation = Task { _ = await task.value }
        return task
    }

    /// Runs an operation in order; its error becomes the plugin's reason.
    private func reporting(
        _ operation:
            @escaping @Sendable (isolated PluginDeployment) async throws(PluginError) -> Void
    ) async throws(PluginError) {
        let error = await inOrder { deployment -> PluginError? in
            do throws(PluginError) {
                try await operation(deployment)
                guard deployment.generation != nil else { return nil }
                deployment.state = .serving
                return nil
            } catch {
                deployment.fail(error)
                return error
            }
        }
        if let error { throw error }
    }

    /// Runs what need not be waited for.
    @discardableResult
    func inBackground(
        _ operation: @escaping @Sendable (isolated PluginDeployment) async -> Void
    ) -> Task<Void, Never> {
        lastBackground += 1
        let number = lastBackground
        let task = Task {
            await operation(self)
            background[number] = nil
        }
        background[number] = task
        return task
    }

    /// Ends replicas that have left a generation's services; meanwhile others go on. The library stays until then.
    func endInBackground(
        of generation: Int,
        _ operation: @escaping @Sendable (isolated PluginDeployment) async -> Void
    ) {
        let number = lastBackground + 1
        let task = inBackground { deployment in
            await operation(deployment)
            deployment.endings[generation]?[number] = nil
        }
        endings[generation, default: [:]][number] = task
    }

    /// Whether something of a generation is being ended, or was made ready by a change.
    func hasEndings(of generation: Int) -> Bool { endings[generation]?.isEmpty == false }

    /// Waits until no replica of a generation is being ended.
    func endingsAreOver(of generation: Int) async {
        for task in (endings[generation] ?? [:]).values { await task.value }
        endings[generation] = nil
    }

    func fail(_ error: PluginError) {
        let cause = error.code == .invalidManifest ? .configuration : subject
        let isNew = reasons[cause]?.message != error.message
        // Where nothing serves all was tried anew, and what it was refused for before is of no interest.
        if generation == nil { reasons = [:] }
        reasons[cause] = error
        explainAbsence(error)
        state = generation == nil ? .failed : .serving
        guard isNew else { return }
        logger.error(
            "not served: \(error.message)",
            metadata: generation.map { ["serving_generation": "\($0.number)"] })
    }
}
