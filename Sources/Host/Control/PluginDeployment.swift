internal import HostDispatch
internal import HostPlugins
internal import Logging
internal import NIOCore

/// One plugin file and what serves from it: takes each new version of the file into service, or says why not.
///
/// The order of a (re)load, each step undone if a later one fails; until the swap the old generation serves, and after a
/// failure it serves on:
///
/// 1. copy the file, so that nothing can change under the mapping
/// 2. map the copy and check its descriptor, run its `load`
/// 3. make the replicas, warm them up, ask for their health
/// 4. if both generations hand state over: hold new calls, let the old ones finish, move the state
/// 5. swap: waiting and new calls go to the new replicas
/// 6. let the old replicas finish their calls, destroy them, run `unload`: retired
///
/// Operations on one plugin run one after the other, in the order they were asked for. No plugin code runs on the actor.
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
        let routes: RouteTable
        let settings: ControlSettings
        let timer: any EventLoop
        let logger: Logger
        /// Numbers generations, never the same one twice in a host.
        let nextGeneration: @Sendable () -> Int
    }

    private struct Service {
        let endpoint: Endpoint
        var replicas: ReplicaSet
        var generation: PluginGeneration { replicas.generation }
    }

    nonisolated let name: String
    nonisolated let path: String
    private let environment: Environment
    private let logger: Logger
    private var service: Service?
    private var state = PluginStatus.State.loading
    private var failure: PluginError?
    private var draining: [Int] = []
    private var retired: [Int] = []
    private var retirements: [Int: Task<Void, Never>] = [:]
    private var lastOperation: Task<Void, Never>?

    init(name: String, path: String, environment: Environment) {
        self.name = name
        self.path = path
        self.environment = environment
        var logger = environment.logger
        logger[metadataKey: "plugin"] = "\(name)"
        self.logger = logger
    }

    // MARK: Operations

    /// Takes the file's present content into service.
    ///
    /// - Throws: ``PluginError``; also to be found in ``status`` from then on.
    func load(_ trigger: Trigger) async throws(PluginError) {
        let outcome = await inOrder { deployment -> PluginError? in
            do throws(PluginError) {
                try await deployment.takeIntoService(trigger)
                return nil
            } catch {
                deployment.fail(error)
                return error
            }
        }
        if let outcome { throw outcome }
    }

    /// Shows the file with a reason why it isn't served, without looking into it.
    func reject(_ error: PluginError) async {
        await inOrder { $0.fail(error) }
    }

    /// Takes the plugin out of service: no route, calls in flight finished, replicas destroyed.
    func remove() async {
        await inOrder { await $0.takeOutOfService() }
    }

    /// Waits for the generations that are still finishing their calls.
    func settle() async {
        for task in retirements.values { await task.value }
    }

    var isServing: Bool { service != nil }

    private func inOrder<Value: Sendable>(
        _ operation: @escaping @Sendable (isolated PluginDeployment) async -> Value
    ) async -> Value {
        let previous = lastOperation
        let task = Task {
            await previous?.value
            return await operation(self)
        }
        lastOperation = Task { _ = await task.value }
        return await task.value
    }

    // MARK: Into service

    private func takeIntoService(_ trigger: Trigger) async throws(PluginError) {
        guard PluginName.isValid(name) else {
            throw PluginError(
                .unreadable,
                "\(name) can't be a route: name the file lib<name>.so with letters, digits, '-', '_' and '.'")
        }
        state = service == nil ? .loading : .reloading
        let copy = try await copyFile()
        if trigger == .file, failure == nil, copy.fingerprint == service?.generation.fingerprint {
            environment.store.discard(copy)
            state = .serving
            return
        }
        guard retired.count < environment.settings.maxRetiredGenerations else {
            environment.store.discard(copy)
            throw PluginError(
                .tooManyGenerations,
                "\(retired.count) retired generations are still mapped, which is all that "
                    + "--max-retired-generations allows; restart the host to load more")
        }
        let generation = try await map(copy)
        let settings = environment.settings.backendDefaults
        let replicas: ReplicaSet
        do throws(PluginError) {
            replicas = try await ReplicaSet.start(of: generation, backend: name, settings: settings)
        } catch {
            await unload(generation)
            throw error
        }

        if let old = service {
            try await replace(old, with: replicas)
        } else {
            putIntoService(replicas, settings: settings)
        }
        failure = nil
        state = .serving
        logger.info(
            "serving",
            metadata: [
                "generation": "\(generation.number)", "version": "\(generation.descriptor.version)",
            ])
    }

    private func copyFile() async throws(PluginError) -> LibraryStore.Copy {
        let (store, path, name) = (environment.store, path, name)
        return try await PluginThread.run(
            name: name, what: "reading the file",
            timeout: environment.settings.backendDefaults.lifecycleTimeout
        ) { () throws(PluginError) in try store.copy(path, name: name) }
    }

    private func map(_ copy: LibraryStore.Copy) async throws(PluginError) -> PluginGeneration {
        let number = environment.nextGeneration()
        var logger = logger
        logger[metadataKey: "generation"] = "\(number)"
        let (store, plainLogger) = (environment.store, logger)
        return try await PluginThread.run(
            name: name, what: "load",
            timeout: environment.settings.backendDefaults.lifecycleTimeout,
            { () throws(PluginError) in
                try PluginGeneration.load(copy, from: store, number: number, logger: plainLogger)
            },
            late: { _ = $0.unload() })
    }

    private func putIntoService(_ replicas: ReplicaSet, settings: BackendSettings) {
        let backend = Backend(
            tag: name, settings: settings, timer: environment.timer, logger: logger)
        backend.install(replicas)
        let endpoint = Endpoint(servingPlugin: name, backend: backend)
        service = Service(endpoint: endpoint, replicas: replicas)
        environment.routes.insert(endpoint)
    }

    private func replace(_ old: Service, with replicas: ReplicaSet) async throws(PluginError) {
        let backend = old.endpoint.backend
        if old.generation.handsStateOver && replicas.generation.handsStateOver {
            backend.hold()
            do throws(PluginError) {
                try await backend.drained(
                    old.replicas, within: environment.settings.backendDefaults.drainTimeout)
                try await old.replicas.handState(to: replicas)
            } catch {
                backend.resume()
                await finalize(replicas)
                throw error
            }
        }
        backend.install(replicas)
        service = Service(endpoint: old.endpoint, replicas: replicas)
        retire(old.replicas, backend: backend)
    }

    // MARK: Out of service

    /// Lets replicas that are out of service finish their calls, then finalizes them; meanwhile others go on.
    private func retire(_ replicas: ReplicaSet, backend: Backend) {
        let number = replicas.generation.number
        draining.append(number)
        retirements[number] = Task {
            do throws(PluginError) {
                try await backend.drained(
                    replicas, within: environment.settings.backendDefaults.drainTimeout)
                backend.discard(replicas)
                await finalize(replicas)
            } catch {
                backend.discard(replicas)
                abandon(replicas)
            }
            draining.removeAll { $0 == number }
            retirements[number] = nil
        }
    }

    /// Destroys the replicas and unloads the library. No call of theirs is running.
    private func finalize(_ replicas: ReplicaSet) async {
        let errors = await replicas.stop()
        guard errors.isEmpty else {
            for error in errors { logger.error("\(error.message); the replica is left to itself") }
            retired.append(replicas.generation.number)
            return
        }
        await unload(replicas.generation)
    }

    private func unload(_ generation: PluginGeneration) async {
        do throws(PluginError) {
            let unmapped = try await PluginThread.run(
                name: name, what: "unload",
                timeout: environment.settings.backendDefaults.lifecycleTimeout
            ) { () throws(PluginError) in generation.unload() }
            if !unmapped { retired.append(generation.number) }
        } catch {
            logger.error("\(error.message); the library stays mapped")
            retired.append(generation.number)
        }
    }

    /// Gives up on replicas with a call that hangs: its thread can't be ended, so the library stays as it is.
    private func abandon(_ replicas: ReplicaSet) {
        logger.error(
            "a call still runs after the drain timeout; its replica is left to itself",
            metadata: ["generation": "\(replicas.generation.number)"])
        replicas.abandon()
        retired.append(replicas.generation.number)
    }

    private func takeOutOfService() async {
        failure = nil
        guard let service else {
            state = .retired
            return
        }
        state = .draining
        self.service = nil
        environment.routes.remove(service.endpoint)
        let backend = service.endpoint.backend
        if await backend.close(within: environment.settings.backendDefaults.drainTimeout) {
            await finalize(service.replicas)
        } else {
            abandon(service.replicas)
        }
        backend.discard(service.replicas)
        state = .retired
        logger.info("retired", metadata: ["generation": "\(service.generation.number)"])
    }

    private func fail(_ error: PluginError) {
        let isNew = failure?.message != error.message
        failure = error
        state = service == nil ? .failed : .serving
        guard isNew else { return }
        logger.error(
            "not served: \(error.message)",
            metadata: service.map { ["still serving generation": "\($0.generation.number)"] })
    }

    // MARK: Looking

    var status: PluginStatus {
        var status = PluginStatus(name: name, path: path, state: state)
        status.reason = failure?.message
        status.drainingGenerations = draining
        status.retiredGenerations = retired
        guard let service else { return status }
        let descriptor = service.generation.descriptor
        status.version = descriptor.version
        status.description = descriptor.description.isEmpty ? nil : descriptor.description
        status.generation = service.generation.number
        status.route = service.endpoint.route
        status.methods = descriptor.methods.map(\.name)
        status.replicas = service.replicas.replicas.count
        let calls = service.endpoint.backend.status
        status.demotedMethods = calls.demotedMethods
        status.calls.waiting = calls.waiting
        status.calls.running = calls.running
        status.calls.lateFinishes = calls.lateFinishes
        status.calls.misuses = service.generation.conduct.total
        return status
    }
}
