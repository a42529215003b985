internal import HostDispatch
internal import HostPlugins
package import Logging
package import NIOCore

/// Which backends and endpoints there are: takes operators' changes and those of the configuration file, writes each
/// down before it takes effect, and tells the plugins and the routes.
///
/// Changes run one after the other. One is acknowledged when it is written down; the plugins follow in their own time,
/// and ``backendStatuses()`` says how far they are.
package actor ControlPlane {
    private(set) var state: ControlState
    private let store: StateStore?
    private let routes: RouteTable
    private let timer: any EventLoop
    private let logger: Logger
    /// Those that are configured, by tag, and those that plugins will have by default once they serve.
    private var backends: [String: Backend] = [:]
    private var prospects: [String: Backend] = [:]
    private var lastChange: Task<Void, Never>?
    /// Told when the backends of a plugin are others, or other settings are theirs.
    private var onTargetsChanged: @Sendable (_ plugin: String) async -> Void = { _ in }
    private var servingStatus:
        @Sendable (_ tag: String, _ plugin: String) async -> BackendStatus.Serving = { _, _ in
            BackendStatus.Serving()
        }

    /// - Parameter store: nil: changes live as long as this does.
    package init(
        state: ControlState, store: StateStore?, routes: RouteTable, timer: any EventLoop,
        logger: Logger
    ) {
        self.state = state
        self.store = store
        self.routes = routes
        self.timer = timer
        self.logger = logger
    }

    /// Sets the endpoints up as they were when the host ended.
    ///
    /// - Parameter plugins: those whose files are there. What the others had by default goes.
    package func start(plugins: Set<String>) async throws(ControlError) {
        publish(state, replacing: ControlState())
        try await change { state in
            for name in state.plugins.subtracting(plugins) { state.removePlugin(name) }
        }
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
    /// - Throws: what `operation` throws, and nothing has changed; or ``ControlError`` when the change can't be written
    ///   down, and nothing has changed either.
    @discardableResult
    package func change<Value: Sendable>(
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let previous = lastChange
        let task = Task { () -> Result<Value, ControlError> in
            await previous?.value
            return await self.perform(operation)
        }
        lastChange = Task { _ = await task.value }
        return try await task.value.get()
    }

    private func perform<Value: Sendable>(
        _ operation: @Sendable (inout ControlState) throws(ControlError) -> Value
    ) async -> Result<Value, ControlError> {
        do throws(ControlError) {
            var next = state
            let value = try operation(&next)
            if next != state {
                try await store?.save(next)
                let last = state
                state = next
                publish(next, replacing: last)
            }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    /// Makes the state what the data path sees, at once for all endpoints.
    private func publish(_ next: ControlState, replacing last: ControlState) {
        var affected: Set<String> = []
        for (tag, record) in last.backends where next.backends[tag]?.plugin != record.plugin {
            backends[tag] = nil
            affected.insert(record.plugin)
        }
        for (tag, record) in next.backends where last.backends[tag] != record {
            affected.insert(record.plugin)
            if backends[tag] == nil {
                backends[tag] = prospects.removeValue(forKey: tag) ?? makeBackend(tag)
            }
        }
        routes.replaceAll(
            next.endpoints.map { name, record in
                Endpoint(
                    name: name, route: record.route.flatMap { RoutePattern($0) },
                    httpMethods: record.methods,
                    traffic: TrafficPolicy(record), backends: backends)
            })
        for plugin in affected {
            Task { [onTargetsChanged] in await onTargetsChanged(plugin) }
        }
    }

    private func makeBackend(_ tag: String) -> Backend {
        var logger = logger
        logger[metadataKey: "backend"] = "\(tag)"
        return Backend(tag: tag, settings: BackendSettings(), timer: timer, logger: logger)
    }

    func status(_ tag: String, _ record: BackendRecord) async -> BackendStatus {
        BackendStatus(tag: tag, record, serving: await servingStatus(tag, record.plugin))
    }
}

extension ControlPlane: BackendDirectory {
    func targets(of plugin: String) async -> [BackendTarget] {
        let records = state.backends.filter { $0.value.plugin == plugin }
        guard !records.isEmpty || state.plugins.contains(plugin) else {
            let prospect = prospects[plugin] ?? makeBackend(plugin)
            prospects[plugin] = prospect
            return [BackendTarget(backend: prospect, settings: { $0 })]
        }
        return records.sorted { $0.key < $1.key }.compactMap { tag, record in
            backends[tag].map { backend in
                BackendTarget(backend: backend) { record.options.settings(over: $0) }
            }
        }
    }

    func serves(_ plugin: String, _ manifest: PluginManifest) async throws(PluginError) {
        do throws(ControlError) {
            try await change { $0.addPlugin(plugin, manifest) }
        } catch {
            throw PluginError(.unreadable, error.message, cause: error)
        }
    }

    nonisolated func route(of plugin: String) -> String? {
        routes.endpoint(named: plugin)?.route?.description
    }

    func gone(_ plugin: String) async {
        do throws(ControlError) {
            try await change { $0.removePlugin(plugin) }
        } catch {
            logger.error("what \(plugin) had by default stays: \(error.message)")
        }
    }
}
