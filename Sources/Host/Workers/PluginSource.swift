package import HostCore
package import HostDispatch
package import HostPlugins

/// What replicas of a plugin are made of. Whoever shows what is served finds the plugin's own words here; dispatch
/// doesn't look at them.
package protocol PluginSource: ReplicaSource {
    var descriptor: PluginDescriptor { get }
}

/// Replicas that run in this process.
extension PluginGeneration: PluginSource {
    package var isReentrant: Bool { descriptor.isReentrant }

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
