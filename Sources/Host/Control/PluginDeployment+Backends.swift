internal import HostDispatch
internal import HostPlugins
internal import Logging

/// Changes to what serves that need no new generation: backends that come and go, and their settings.
extension PluginDeployment {
    /// Takes the manifest and the configured backends into account.
    func takeConfiguration() async throws(PluginError) {
        guard generation != nil else {
            try await takeIntoService(.file)
            return
        }
        let manifest = try await readManifest()
        // Other functions, or the same ones called otherwise, take a new generation.
        guard manifest.adoption == generation?.adoption else {
            try await takeIntoService(.file)
            return
        }
        try await reconcile(with: manifest)
    }

    private func readManifest() async throws(PluginError) -> PluginManifest {
        let path = manifestPath
        return try await PluginThread.run(
            name: name, what: "reading the manifest",
            timeout: environment.settings.backendDefaults.lifecycleTimeout
        ) { () throws(PluginError) in try PluginManifest.read(path) }
    }

    /// Brings the backends in line with what they are to be. One that can't be has its reason, and the others go on.
    ///
    /// - Throws: ``PluginError``, the first reason of a backend that served before.
    func reconcile(with manifest: PluginManifest) async throws(PluginError) {
        guard let generation else { return }
        // Its default endpoint is the manifest's matter too.
        try await announce(generation, manifest)
        let targets = await targets(of: generation)
        failures = [:]
        for service in services.values
        where !targets.contains(where: { $0.backend === service.backend }) {
            takeAway(service)
        }
        var refusal: PluginError?
        for target in targets {
            let tag = target.backend.tag
            do throws(PluginError) {
                if services[tag] == nil {
                    install(try await start(target, of: generation, manifest), after: nil)
                } else {
                    let defaults = environment.settings.backendDefaults
                    let settings = try target.settings(manifest.settings(over: defaults))
                    try await apply(settings, to: tag)
                    services[tag]?.failure = nil
                }
            } catch {
                if services[tag] == nil {
                    failures[tag] = error
                    logger.error("backend \(tag) is not served: \(error.message)")
                } else {
                    services[tag]?.failure = error
                    refusal = refusal ?? error
                }
            }
        }
        retryStartsLater(afresh: true)
        if let refusal { throw refusal }
    }

    // MARK: Trying again

    /// Backends that the plugin refused are tried again, less and less often: what it misses, a file or a device, may
    /// come. Not those that can't be by their settings, nor those whose `create` hangs, which costs a thread each time.
    ///
    /// - Parameter afresh: whether something has changed, so that the pauses begin anew.
    func retryStartsLater(afresh: Bool) {
        startRetry?.cancel()
        startRetry = nil
        if afresh { startPause = RetryPause() }
        guard failures.values.contains(where: { $0.code == .lifecycleFailed }) else { return }
        let pause = startPause.next()
        // Nobody waits for it, least of all the end of the host.
        startRetry = Task { [weak self] in
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            await self?.inOrder { await $0.retryStarts() }
        }
    }

    private func retryStarts() async {
        guard let generation, let manifest = try? await readManifest() else { return }
        for target in await environment.directory.targets(of: name) {
            let tag = target.backend.tag
            guard let before = failures[tag], before.code == .lifecycleFailed else { continue }
            do throws(PluginError) {
                install(try await start(target, of: generation, manifest), after: nil)
                failures[tag] = nil
                logger.info("backend \(tag) is served at last")
            } catch {
                failures[tag] = error
                if error.message != before.message {
                    logger.error("backend \(tag) is not served: \(error.message)")
                }
            }
        }
        retryStartsLater(afresh: false)
    }

    // MARK: Changes

    /// Ends a backend that is not to be any more.
    private func takeAway(_ service: BackendService) {
        services[service.tag] = nil
        endInBackground(of: service.generation.number) { deployment in
            if await deployment.drain(service, closing: true) {
                await deployment.finalize([service.replicas])
            } else {
                deployment.losses.abandoned(in: service.generation.number)
                service.replicas.abandon()
                deployment.logger.error(
                    """
                    a call to backend \(service.tag) still runs after the drain timeout; \
                    its replica is left to itself
                    """)
            }
            service.backend.discard(service.replicas.replicas)
        }
    }

    /// Brings a backend that serves in line with new settings.
    private func apply(_ settings: BackendSettings, to tag: String) async throws(PluginError) {
        guard let service = services[tag], settings != service.settings else { return }
        try settings.check(against: service.generation.descriptor)
        if settings.userConfig != service.settings.userConfig {
            if service.generation.takesNewConfiguration {
                try await reconfigure(service, settings.userConfig)
            } else {
                try await renew(service, settings)
                return
            }
        }
        service.replicas.update(settings)
        service.backend.update(settings)
        services[tag]?.settings = settings
        autoscale(tag, by: settings.autoscaling)
        if settings.autoscaling == nil { try await resize(service, to: settings.numReplicas) }
        logger.info(
            "new settings",
            metadata: [
                "backend": "\(tag)", "replicas": "\(services[tag]?.target ?? settings.numReplicas)",
            ])
    }

    private func resize(_ service: BackendService, to count: Int) async throws(PluginError) {
        do throws(PluginError) {
            try await service.replicas.grow(to: count, in: service.backend)
        } catch {
            // It may have been scaled to zero, and calls would wait for what nobody makes.
            if service.backend.status.replicas == 0 { service.backend.expectNoReplica() }
            throw error
        }
        for replica in service.replicas.shrink(to: count, in: service.backend) {
            end(replica, of: service)
        }
    }

    private func reconfigure(
        _ service: BackendService, _ userConfig: String
    ) async throws(PluginError) {
        service.backend.hold()
        defer { service.backend.resume() }
        try await service.backend.drained(
            service.replicas.replicas, within: service.settings.drainTimeout)
        try await service.replicas.reconfigure(userConfig)
    }

    /// Makes the replicas anew with settings that they can't take while they live. State is handed over where the
    /// plugin does that.
    private func renew(
        _ service: BackendService, _ settings: BackendSettings
    ) async throws(PluginError) {
        let replicas = try await ReplicaSet.start(
            of: service.generation, backend: service.tag, settings: settings,
            count: replicaCount(of: service.tag, settings))
        let next = BackendService(backend: service.backend, replicas: replicas, settings: settings)
        if service.generation.handsStateOver {
            service.backend.hold()
            do throws(PluginError) {
                try await service.backend.drained(
                    service.replicas.replicas, within: service.settings.drainTimeout)
                try await service.replicas.handState(to: replicas)
            } catch {
                service.backend.resume()
                await finalize([replicas])
                throw error
            }
        }
        install(next, after: service)
        for replica in service.replicas.replicas { end(replica, of: service) }
    }
}
