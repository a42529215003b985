internal import HostCore
internal import HostDispatch
internal import HostPlugins
internal import HostWorkers

/// A backend with the replicas that serve it, as its plugin's deployment keeps it. Confined to that.
struct BackendService {
    let backend: Backend
    /// What the replicas are made of.
    let generation: any PluginSource
    var replicas: ReplicaSet
    var settings: BackendSettings
    var autoscaling: Autoscaling?
    var samplingLoop: Task<Void, Never>?
    var deaths = WorkerDeaths()
    /// How many replicas are to be replaced later.
    var replacements = 0
    /// Why the backend is not as it is configured.
    var failure: PluginError?

    var tag: String { backend.tag }

    /// How many replicas there are to be.
    var target: Int { autoscaling?.target ?? settings.numReplicas }
}

/// A backend that a plugin is to serve.
struct BackendTarget: Sendable {
    let backend: Backend
    /// Whether it is more than what the plugin would get by default.
    let isConfigured: Bool
    /// The backend's settings, over those that the plugin's manifest makes the defaults.
    ///
    /// - Throws: ``PluginError`` when they can't be.
    let settings: @Sendable (_ defaults: BackendSettings) throws(PluginError) -> BackendSettings
}
