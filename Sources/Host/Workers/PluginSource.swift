package import HostCore
package import HostDispatch
package import HostPlugins

/// A version of a plugin's code, ready to make replicas. Whoever shows what is served finds the plugin's own words
/// here; dispatch doesn't look at them.
package protocol PluginSource: ReplicaSource {
    var descriptor: PluginDescriptor { get }
    /// What it serves a library with that is no plugin.
    var adoption: LibraryBinding? { get }
    /// Of the content it was made of.
    var fingerprint: UInt64 { get }
    var isolation: Isolation { get }
    /// How its processes are started, if it has them.
    var settings: WorkerSettings { get }
    /// What of it this process has mapped; nil: nothing.
    var mapped: PluginGeneration? { get }
    /// How often the plugin has broken the contract.
    var misuses: Int { get }
    /// The processes that its replicas run in.
    var processIDs: [Int] { get }

    /// Whether it was made of the same: of the same content, called in the same way.
    func isMade(of code: PluginCode) -> Bool

    /// Undoes what was done to load it. No replica and no stage may be left. [lifecycle]
    ///
    /// - Returns: whether nothing of its own stays mapped; otherwise it is a retired generation.
    func unload() -> Bool
}

/// Replicas that run in this process.
extension PluginGeneration: PluginSource {
    package var isReentrant: Bool { descriptor.isReentrant }
    package var isolation: Isolation { .none }
    package var settings: WorkerSettings { WorkerSettings() }
    package var mapped: PluginGeneration? { self }
    package var misuses: Int { violations.total }
    package var processIDs: [Int] { [] }

    package var methods: [MethodTraits] { descriptor.methods.map(\.traits) }

    package func makeWorker(
        replica index: Int, backend: String, userConfig: String, within limit: Duration
    ) async throws(PluginError) -> any ReplicaWorker {
        try await InProcessWorker.start(
            of: self, replica: index, backend: backend, userConfig: userConfig, within: limit)
    }
}

extension Backend {
    /// What the generation in service says of itself; nil: there is none.
    package var descriptor: PluginDescriptor? { (source as? any PluginSource)?.descriptor }
}

extension PluginDescriptor.Method {
    package var traits: MethodTraits {
        MethodTraits(
            name: name, isBatchable: isBatchable, isInline: isInline, isAsync: isAsync,
            isReentrant: isReentrant, isIdempotent: isIdempotent,
            preferredBatchSize: preferredBatchSize)
    }
}

/// Where the replicas of a plugin run.
package enum Isolation: String, Sendable, CaseIterable {
    /// On threads of the host's process.
    case none
    /// In processes of their own: a crash ends nobody else.
    case process
}
