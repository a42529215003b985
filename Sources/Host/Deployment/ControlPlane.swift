internal import HostConfigurationFiles
package import HostCore
package import HostDispatch
internal import HostForms
package import HostPipeline
package import HostRouting
package import HostStages
package import HostState
package import Logging
internal import NIOConcurrencyHelpers
internal import NIOPosix

/// Which backends and endpoints there are: takes operators' changes and those of the configuration file, writes each
/// down before it takes effect, and tells the plugins and the routes.
///
/// A change is made in two steps. What it needs of plugins is made ready beside what serves, which may take as long as
/// they do, and nobody else waits for it. Then it is written down and takes effect, one change after the other; if
/// another one has come in between and it needs something else now, it begins again. `ControlPlane+Changes.swift` has
/// the steps.
package actor ControlPlane {
    package internal(set) var state = ControlState()
    let routes: RouteTable
    let logger: Logger
    /// Why default endpoints don't have the routes that they should have, by plugin.
    let routeObjections = NIOLockedValueBox<[String: String]>([:])
    /// The configuration file that the host has started with; nil: none.
    var startFile: String?
    /// The backends' clock. Not a loop of the data plane: a method that overstays there must not stop the deadlines.
    private let timer = MultiThreadedEventLoopGroup.singleton.next()
    /// From ``start(_:plugins:)`` to ``close()``.
    var store: StateStore?
    /// Those that are configured, by tag, and those that plugins will have by default once they serve.
    var backends: [String: Backend] = [:]
    private var prospects: [String: Backend] = [:]
    private var lastStep: Task<Void, Never>?
    var chains: ChainTable
    /// What the plugins' manifests say of middleware, for backends that say nothing, and of their endpoints, by plugin.
    var manifestMiddleware: [String: [MiddlewareEntry]] = [:]
    var manifestEndpoints: [String: PluginManifest.EndpointDefaults] = [:]
    nonisolated let catalog: MiddlewareCatalog
    nonisolated let hostSettings: HostSettings
    private let observer: (any CallObserver)?
    /// The plugins that serve the backends.
    private(set) weak var plugins: PluginCatalog?
    /// Plugins that have yet to follow a change, and how many. What they say of themselves is about the time before.
    private var following: [String: Int] = [:]

    /// - Parameters:
    ///   - catalog: the stages that may be configured.
    ///   - outermost: stages around all that are configured.
    ///   - hostSettings: the listeners, the directory and the limits that the host runs with.
    ///   - observer: is told what becomes of calls; nil: nobody is.
    package init(
        routes: RouteTable, catalog: MiddlewareCatalog = MiddlewareCatalog(),
        outermost: [MiddlewareChain.Link] = [], hostSettings: HostSettings = HostSettings(),
        observer: (any CallObserver)? = nil, logger: Logger
    ) {
        self.observer = observer
        self.routes = routes
        self.catalog = catalog
        self.hostSettings = hostSettings
        self.logger = logger
        chains = ChainTable(outermost: outermost)
    }

    /// Sets the endpoints up as they were when the host ended. Changes are refused until then.
    ///
    /// - Parameters:
    ///   - store: where the changes are kept; closed by ``close()``.
    ///   - plugins: those whose files are there. What the others had by default goes.
    package func start(
        _ store: StateStore, plugins: Set<String>
    ) async throws(ControlError) {
        state = store.state
        self.store = store
        let plan = ChainTable.Plan(state, manifests: [:])
        chains = try chains.following(plan) { request in
            do throws(ControlError) {
                return try request.make(catalog.atStart, logger: logger)
            } catch {
                logger.error("\(error.message); it lets nothing through")
                return BrokenStage(reason: error.message)
            }
        }
        try publish(state, replacing: ControlState())
        try await record { state throws(ControlError) in
            for name in state.plugins.subtracting(plugins) { state.removePlugin(name) }
            state.settleDefaults()
        }
    }

    /// Finishes the changes under way, and lets go of the state file.
    package func close() async {
        await lastStep?.value
        await store?.close()
        store = nil
    }

    /// Connects the plugins.
    func connect(_ plugins: PluginCatalog) {
        self.plugins = plugins
    }

    /// Runs a step when those before it are over.
    func inOrder<Value: Sendable>(
        _ step: @escaping @Sendable (isolated ControlPlane) async -> Value
    ) async -> Value {
        let previous = lastStep
        let task = Task {
            await previous?.value
            return await step(self)
        }
        lastStep = Task { _ = await task.value }
        return await task.value
    }

    // MARK: The data path

    /// Makes the state what the data path sees, at once for all endpoints.
    ///
    /// - Parameter made: the backends that are new, by tag; the others are there or are made.
    func publish(
        _ next: ControlState, replacing last: ControlState, with made: [String: Backend] = [:]
    ) throws(ControlError) {
        var affected: Set<String> = []
        for (tag, record) in last.backends where next.backends[tag]?.plugin != record.plugin {
            backends[tag] = nil
            affected.insert(record.plugin)
        }
        for (tag, record) in next.backends where last.backends[tag] != record {
            if backends[tag] == nil, made[tag] == nil, record.origin == .plugin,
                let prospect = prospects.removeValue(forKey: tag)
            {
                // Its plugin serves it by now.
                backends[tag] = prospect
                continue
            }
            affected.insert(record.plugin)
            backends[tag] = backends[tag] ?? made[tag] ?? makeBackend(tag, of: record.plugin)
        }
        let entrances = Dictionary(
            uniqueKeysWithValues: backends.map { tag, backend in
                (tag, BackendPipeline(backend, chain: chains.backends[tag]))
            })
        var endpoints: [Endpoint] = []
        for (name, record) in next.endpoints {
            endpoints.append(try Endpoint(name: name, record, backends: entrances))
        }
        routes.replaceAll(endpoints, chain: chains.host.links.isEmpty ? nil : chains.host)
        for plugin in affected {
            following[plugin, default: 0] += 1
            Task {
                await plugins?.targetsChanged(plugin)
                let left = (following[plugin] ?? 1) - 1
                following[plugin] = left > 0 ? left : nil
            }
        }
    }

    func makeBackend(_ tag: String, of plugin: String) -> Backend {
        var logger = logger
        logger[metadataKey: "plugin"] = "\(plugin)"
        logger[metadataKey: "backend"] = "\(tag)"
        return Backend(
            tag: tag, settings: BackendSettings(), timer: timer, logger: logger, observer: observer)
    }

    func status(_ tag: String, _ record: BackendRecord) async -> BackendStatus {
        let isFollowing = following[record.plugin] != nil
        var serving =
            await plugins?.servingStatus(of: tag, record.plugin) ?? BackendStatus.Serving()
        if isFollowing {
            serving.isFollowing = true
            serving.reason = nil
        }
        return BackendStatus(tag: tag, record, serving: serving)
    }
}

extension ControlPlane: BackendDirectory {
    func targets(of plugin: String) async -> [BackendTarget] {
        var targets = state.backends.filter { $0.value.plugin == plugin }
            .sorted { $0.key < $1.key }
            .compactMap { tag, record in
                backends[tag].map { BackendTarget(backend: $0, record) }
            }
        // What it will have by default once it serves.
        var served = state
        served.addPlugin(plugin)
        if state.backends[plugin] == nil, served.backends[plugin] != nil {
            let prospect = prospects[plugin] ?? makeBackend(plugin, of: plugin)
            prospects[plugin] = prospect
            targets.append(
                BackendTarget(backend: prospect, isConfigured: false, settings: { $0 }))
        }
        return targets
    }

    func serves(_ plugin: String, _ manifest: PluginManifest) async throws(PluginError) {
        do throws(ControlError) {
            try await record(manifest: (plugin, manifest)) { state throws(ControlError) in
                state.addPlugin(plugin)
            }
        } catch {
            let isManifests = error.code == .invalid || error.code == .contradiction
            throw PluginError(
                isManifests ? .invalidManifest : .unreadable, error.message, cause: error)
        }
    }

    nonisolated func route(of plugin: String) -> String? {
        routes.endpoint(named: plugin)?.route
    }

    nonisolated func routeObjection(of plugin: String) -> String? {
        routeObjections.withLockedValue { $0[plugin] }
    }

    func gone(_ plugin: String) async {
        manifestEndpoints[plugin] = nil
        do throws(ControlError) {
            try await record { state throws(ControlError) in state.removePlugin(plugin) }
        } catch {
            logger.error("what \(plugin) had by default stays: \(error.message)")
        }
    }
}

extension BackendTarget {
    /// A backend that is configured.
    init(backend: Backend, _ record: BackendRecord) {
        let tag = backend.tag
        self.init(backend: backend, isConfigured: true) { defaults throws(PluginError) in
            do throws(ConfigurationError) {
                return try record.options.settings(over: defaults)
            } catch {
                throw PluginError(.invalidManifest, "\(tag): \(error)", cause: error)
            }
        }
    }
}
