internal import HostDispatch
internal import HostPlugins
internal import Logging

/// How a version of the file comes into service, and goes out of it.
extension PluginDeployment {
    // MARK: In

    func takeIntoService(_ trigger: Trigger) async throws(PluginError) {
        guard PluginName.isValid(name) else {
            throw PluginError(
                .unreadable,
                "\(name) can't be a route: name the file lib<name>.so with letters, digits, '-', '_' and '.'"
            )
        }
        state = service == nil ? .loading : .reloading
        let (copy, settings) = try await readFiles()
        if trigger == .file, failure == nil, let service,
            copy.fingerprint == service.generation.fingerprint
        {
            environment.store.discard(copy)
            try await apply(settings)
            return
        }
        guard retired.count < environment.settings.maxRetiredGenerations else {
            environment.store.discard(copy)
            throw PluginError(
                .tooManyGenerations,
                "\(retired.count) retired generations are still mapped, which is all that "
                    + "--max-retired-generations allows; restart the host to load more")
        }
        let generation = try await map(copy, settings)
        let replicas: ReplicaSet
        do throws(PluginError) {
            try settings.check(against: generation.descriptor)
            replicas = try await ReplicaSet.start(
                of: generation, backend: name, settings: settings, count: replicaCount(of: settings)
            )
        } catch {
            await unload(generation, settings)
            throw error
        }
        if let old = service {
            try await replace(old, with: replicas, settings)
        } else {
            putIntoService(replicas, settings)
        }
        logger.info(
            "serving",
            metadata: [
                "generation": "\(generation.number)", "version": "\(generation.descriptor.version)",
            ])
    }

    private func readFiles() async throws(PluginError) -> (LibraryStore.Copy, BackendSettings) {
        let (store, path, name, manifestPath) = (environment.store, path, name, manifestPath)
        let defaults = environment.settings.backendDefaults
        return try await PluginThread.run(
            name: name, what: "reading the file", timeout: defaults.lifecycleTimeout
        ) { () throws(PluginError) in
            let settings = try PluginManifest.read(manifestPath).settings(over: defaults)
            return (try store.copy(path, name: name), settings)
        }
    }

    private func map(
        _ copy: LibraryStore.Copy, _ settings: BackendSettings
    ) async throws(PluginError) -> PluginGeneration {
        let number = environment.nextGeneration()
        let (store, handles, logger) = (environment.store, environment.handles, logger(of: number))
        return try await PluginThread.run(
            name: name, what: "load", timeout: settings.lifecycleTimeout,
            { () throws(PluginError) in
                try PluginGeneration.load(
                    copy, from: store, number: number, endpoints: handles, logger: logger)
            },
            late: { _ = $0.unload() })
    }

    private func logger(of generation: Int) -> Logger {
        var logger = logger
        logger[metadataKey: "generation"] = "\(generation)"
        return logger
    }

    private func putIntoService(_ replicas: ReplicaSet, _ settings: BackendSettings) {
        let backend = Backend(
            tag: name, settings: settings, timer: environment.timer, logger: logger)
        backend.onReplicaLost { [weak self] replica, reason in
            Task { await self?.replicaLost(replica, reason) }
        }
        backend.onReplicaWanted { [weak self] in
            Task { await self?.followLoad() }
        }
        backend.install(replicas.replicas, of: replicas.generation)
        let endpoint = Endpoint(servingPlugin: name, backend: backend)
        service = Service(endpoint: endpoint, replicas: replicas, settings: settings)
        autoscale(by: settings.autoscaling)
        environment.routes.insert(endpoint)
    }

    private func replace(
        _ old: Service, with replicas: ReplicaSet, _ settings: BackendSettings
    ) async throws(PluginError) {
        if old.generation.handsStateOver && replicas.generation.handsStateOver {
            old.backend.hold()
            do throws(PluginError) {
                try await old.backend.drained(
                    old.replicas.replicas, within: old.settings.drainTimeout)
                try await old.replicas.handState(to: replicas)
            } catch {
                old.backend.resume()
                await finalize(replicas, settings)
                throw error
            }
        }
        old.backend.install(replicas.replicas, of: replicas.generation)
        old.backend.update(settings)
        service = Service(endpoint: old.endpoint, replicas: replicas, settings: settings)
        autoscale(by: settings.autoscaling)
        retire(old)
    }

    // MARK: Out

    /// Lets replicas that are out of service finish their calls, then finalizes them; meanwhile others go on.
    private func retire(_ old: Service) {
        let number = old.generation.number
        draining.append(number)
        inBackground { deployment in
            do throws(PluginError) {
                try await old.backend.drained(
                    old.replicas.replicas, within: old.settings.drainTimeout)
                await deployment.finalize(old.replicas, old.settings)
            } catch {
                deployment.abandon(old.replicas)
            }
            old.backend.discard(old.replicas.replicas)
            deployment.draining.removeAll { $0 == number }
        }
    }

    func takeOutOfService() async {
        failure = nil
        guard let service else {
            state = .retired
            return
        }
        state = .draining
        self.service = nil
        autoscale(by: nil)
        environment.routes.remove(service.endpoint)
        if await service.backend.close(within: service.settings.drainTimeout) {
            await finalize(service.replicas, service.settings)
        } else {
            abandon(service.replicas)
        }
        service.backend.discard(service.replicas.replicas)
        state = .retired
        logger.info("retired", metadata: ["generation": "\(service.generation.number)"])
    }

    /// Destroys the replicas and unloads the library. No call of theirs is running.
    private func finalize(_ replicas: ReplicaSet, _ settings: BackendSettings) async {
        let errors = await replicas.stop()
        for error in errors { logger.error("\(error.message); the replica is left to itself") }
        if errors.isEmpty {
            await unload(replicas.generation, settings)
        } else {
            retired.append(replicas.generation.number)
        }
    }

    private func unload(_ generation: PluginGeneration, _ settings: BackendSettings) async {
        do throws(PluginError) {
            // A replica that was left to itself may be running the library's code.
            guard losses.abandonedCount(in: generation.number) == 0 else {
                retired.append(generation.number)
                return
            }
            let unmapped = try await PluginThread.run(
                name: name, what: "unload", timeout: settings.lifecycleTimeout
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
}
