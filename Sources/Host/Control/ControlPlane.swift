internal import HostDispatch
internal import HostForms
package import HostMiddleware
internal import HostPlugins
package import Logging
internal import NIOConcurrencyHelpers
internal import NIOPosix

/// Which backends and endpoints there are: takes operators' changes and those of the configuration file, writes each
/// down before it takes effect, and tells the plugins and the routes.
///
/// Changes run one after the other. One is acknowledged when it is written down; the plugins follow in their own time,
/// and ``backendStatuses()`` says how far they are.
package actor ControlPlane {
    private(set) package var state = ControlState()
    private let routes: RouteTable
    private let logger: Logger
    /// The backends' clock. Not a loop of the data plane: a method that overstays there must not stop the deadlines.
    private let timer = MultiThreadedEventLoopGroup.singleton.next()
    /// From ``start(_:plugins:)`` to ``close()``.
    private var store: StateStore?
    /// Those that are configured, by tag, and those that plugins will have by default once they serve.
    private var backends: [String: Backend] = [:]
    private var prospects: [String: Backend] = [:]
    private var lastChange: Task<Void, Never>?
    private(set) var chains: ChainTable
    /// What the plugins' manifests say of middleware, for backends that say nothing, by plugin.
    private var manifestMiddleware: [String: [MiddlewareEntry]] = [:]
    nonisolated let catalog: MiddlewareCatalog
    /// Told when the backends of a plugin are others, or other settings are theirs.
    private var onTargetsChanged: @Sendable (_ plugin: String) async -> Void = { _ in }
    /// Plugins that have yet to follow a change, and how many. What they say of themselves is about the time before.
    private var following: [String: Int] = [:]
    private var servingStatus:
        @Sendable (_ tag: String, _ plugin: String) async -> BackendStatus.Serving = { _, _ in
            BackendStatus.Serving()
        }

    /// - Parameters:
    ///   - catalog: the stages that may be configured.
    ///   - outermost: stages around all that are configured.
    package init(
        routes: RouteTable, catalog: MiddlewareCatalog = MiddlewareCatalog(),
        outermost: [MiddlewareChain.Link] = [], logger: Logger
    ) {
        self.routes = routes
        self.catalog = catalog
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
        chains = try chains.following(plan, catalog.atStart, logger: logger) { error in
            logger.error("\(error.message); it lets nothing through")
            return BrokenStage(reason: error.message)
        }
        try publish(state, replacing: ControlState())
        try await change { state throws(ControlError) in
            for name in state.plugins.subtracting(plugins) { state.removePlugin(name) }
        }
    }

    /// Finishes the changes under way, and lets go of the state file.
    package func close() async {
        await lastChange?.value
        await store?.close()
        store = nil
    }

    /// Connects the plugins.
    func connect(
        onTargetsChanged: @escaping @Sendable (String) async -> Void,
        servingStatus:
            @escaping @Sendable (_ tag: String, _ plugin: String) async -> BackendStatus.Serving
    ) {
        self.onTargetsChanged = onTargetsChanged
        self.servingStatus = servingStatus
    }

    // MARK: Changes

    /// Changes the state, one change after the other.
    ///
    /// - Throws: what `operation` throws, or ``ControlError`` when the change can't be written down. Nothing has
    ///   changed then.
    package func change(
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async throws(ControlError) {
        try await change(manifest: nil, operation)
    }

    /// - Parameter manifest: a plugin, and what its manifest says of middleware.
    private func change(
        manifest: (plugin: String, middleware: [MiddlewareEntry]?)?,
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async throws(ControlError) {
        let previous = lastChange
        let task = Task { () -> Result<Void, ControlError> in
            await previous?.value
            return await self.perform(manifest: manifest, operation)
        }
        lastChange = Task { _ = await task.value }
        try await task.value.get()
    }

    private func perform(
        manifest: (plugin: String, middleware: [MiddlewareEntry]?)?,
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async -> Result<Void, ControlError> {
        do throws(ControlError) {
            guard let store else {
                throw ControlError(
                    .notRunning, "the host is starting, or shutting down; try again in a moment")
            }
            let (last, lastChains) = (state, chains)
            var manifests = manifestMiddleware
            if let manifest { manifests[manifest.plugin] = manifest.middleware }
            let made = NIOLockedValueBox(chains)
            let next = try await store.change {
                [catalog, logger, manifests] state throws(ControlError) in
                try operation(&state)
                // Here, because it may read files; and before the change is written, because it may fail.
                let plan = ChainTable.Plan(state, manifests: manifests)
                let chains = try lastChains.following(plan, catalog, logger: logger) {
                    error throws(ControlError) in throw error
                }
                made.withLockedValue { $0 = chains }
            }
            state = next
            manifestMiddleware = manifests
            chains = made.withLockedValue { $0 }
            if next != last || !chains.isSame(as: lastChains) {
                try publish(next, replacing: last)
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// Makes the state what the data path sees, at once for all endpoints.
    private func publish(
        _ next: ControlState, replacing last: ControlState
    ) throws(ControlError) {
        var affected: Set<String> = []
        for (tag, record) in last.backends where next.backends[tag]?.plugin != record.plugin {
            backends[tag] = nil
            affected.insert(record.plugin)
        }
        for (tag, record) in next.backends where last.backends[tag] != record {
            if backends[tag] == nil, record.origin == .plugin,
                let prospect = prospects.removeValue(forKey: tag)
            {
                // Its plugin serves it by now.
                backends[tag] = prospect
                continue
            }
            affected.insert(record.plugin)
            backends[tag] = backends[tag] ?? makeBackend(tag)
        }
        let entrances = Dictionary(
            uniqueKeysWithValues: backends.map { tag, backend in
                (tag, BackendEntrance(backend, chain: chains.backends[tag]))
            })
        var endpoints: [Endpoint] = []
        for (name, record) in next.endpoints {
            endpoints.append(try Endpoint(name: name, record, backends: entrances))
        }
        routes.replaceAll(endpoints)
        routes.chain = chains.host.links.isEmpty ? nil : chains.host
        for plugin in affected {
            following[plugin, default: 0] += 1
            Task {
                await onTargetsChanged(plugin)
                let left = (following[plugin] ?? 1) - 1
                following[plugin] = left > 0 ? left : nil
            }
        }
    }

    private func makeBackend(_ tag: String) -> Backend {
        var logger = logger
        logger[metadataKey: "backend"] = "\(tag)"
        return Backend(tag: tag, settings: BackendSettings(), timer: timer, logger: logger)
    }

    func status(_ tag: String, _ record: BackendRecord) async -> BackendStatus {
        let isFollowing = following[record.plugin] != nil
        var serving = await servingStatus(tag, record.plugin)
        if isFollowing {
            serving.isFollowing = true
            serving.reason = nil
        }
        return BackendStatus(tag: tag, record, serving: serving)
    }
}

extension ControlPlane: BackendDirectory {
    func targets(of plugin: String) async -> [BackendTarget] {
        let records = state.backends.filter { $0.value.plugin == plugin }
        guard !records.isEmpty || state.plugins.contains(plugin) else {
            let prospect = prospects[plugin] ?? makeBackend(plugin)
            prospects[plugin] = prospect
            return [BackendTarget(backend: prospect, isConfigured: false, settings: { $0 })]
        }
        return records.sorted { $0.key < $1.key }.compactMap { tag, record in
            backends[tag].map { backend in
                BackendTarget(backend: backend, isConfigured: true) {
                    defaults throws(PluginError) in
                    do throws(ConfigurationError) {
                        return try record.options.settings(over: defaults)
                    } catch {
                        throw PluginError(.invalidManifest, "\(tag): \(error)", cause: error)
                    }
                }
            }
        }
    }

    func serves(_ plugin: String, _ manifest: PluginManifest) async throws(PluginError) {
        do throws(ControlError) {
            let middleware = manifest.options.middleware
            try await change(manifest: (plugin, middleware)) { state throws(ControlError) in
                guard !state.hasBackends(of: plugin) || state.plugins.contains(plugin) else {
                    state.addConfiguredPlugin(plugin)
                    return
                }
                state.addPlugin(plugin)
                state.setDefaultEndpoint(of: plugin, manifest.endpoint)
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

    func gone(_ plugin: String) async {
        do throws(ControlError) {
            try await change { state throws(ControlError) in state.removePlugin(plugin) }
        } catch {
            logger.error("what \(plugin) had by default stays: \(error.message)")
        }
    }
}
