internal import HostCore
internal import HostDispatch
internal import HostPlugins
internal import HostWorkers

/// A backend as a change wants it, made ready beside what serves: nothing has moved yet.
///
/// It is taken into service by ``PluginDeployment/adopt(_:)`` or given up by ``PluginDeployment/discard(_:)``; until
/// then the library of its generation stays loaded.
struct PreparedBackend: Sendable {
    enum Kind: Sendable {
        /// It serves as it is wanted.
        case served
        /// Its plugin does not serve, and has not served it before: there is nothing that could break.
        case unserved
        /// Replicas of a backend that nothing serves yet.
        case started(BackendService)
        /// A generation was loaded for it, and serves it; routes don't lead there yet.
        case loaded
        /// Replicas in place of those that serve.
        case renewed(BackendService)
        /// Other settings for what serves, and the replicas that it lacks for them.
        case changed(added: ReplicaSet?, reconfigures: Bool)
    }

    let backend: Backend
    let kind: Kind
    /// As they are to be; nil where nothing is.
    var settings: BackendSettings?
    /// What it was made of; nil where nothing was made.
    var generation: (any PluginSource)?
    /// What served when it was made ready.
    var base: BackendService?
    /// Fulfilled when it is adopted or given up.
    var released = Promise<Void>()

    var tag: String { backend.tag }

    /// Whether something has been made that must be adopted or given up.
    var isMade: Bool {
        switch kind {
        case .served, .unserved: false
        case .started, .loaded, .renewed, .changed: true
        }
    }
}

/// A deployment's turn: no operation of the plugin's begins until it is given back.
final class DeploymentTurn: Sendable {
    fileprivate let begun = Promise<Void>()
    private let over = Promise<Void>()

    /// What the deployment runs as its operation.
    func hold() async {
        begun.fulfil()
        await over.value
    }

    func hasCome() async {
        await begun.value
    }

    func giveBack() {
        over.fulfil()
    }
}
