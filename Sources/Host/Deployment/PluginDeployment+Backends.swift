internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostPlugins
internal import HostWorkers
internal import Logging

/// Changes to what serves that need no new generation: backends that come and go, and their settings.
extension PluginDeployment {
    /// Takes the manifest and the configured backends into account.
    func takeConfiguration() async throws(PluginError) {
        subject = .configuration
        guard generation != nil else {
            try await takeIntoService(.file)
            return
        }
        let manifest = try await readManifest()
        // Other functions, or the same ones called otherwise, take a new generation.
        guard manifest.adoption == generation?.adoption,
            isRun(generation, by: manifest)
        else {
            do throws(PluginError) {
                try await takeIntoService(.file)
            } catch {
                // The library is what it was: a manifest that is put right is no news of it.
                subject = .configuration
                throw error
            }
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

    /// Brings the backends in line with what they are to be: all that serve, or none of them. One that does not serve
    /// yet, and can't, has its reason, and the others go on.
    ///
    /// - Parameter isRetry: whether it was tried before, and nothing has changed.
    /// - Throws: ``PluginError``, the first reason of a backend that served before. It serves on as it did.
    func reconcile(
        with manifest: PluginManifest, isRetry: Bool = false
    ) async throws(PluginError) {
        guard let generation else { return }
        subject = .configuration
        let targets = await targets(of: generation)
        failures = [:]
        for service in services.values
        where !targets.contains(where: { $0.backend === service.backend }) {
            takeAway(service)
        }
        var prepared: [PreparedBackend] = []
        var refusal: PluginError?
        for target in targets {
            let tag = target.backend.tag
            do throws(PluginError) {
                prepared.append(try await prepare(target, for: .manifest(manifest)))
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
        defer { retryStartsLater(afresh: !isRetry) }
        awaitsConfiguration = false
        do throws(PluginError) {
            if let refusal { throw refusal }
            try await goAhead(prepared) { () throws(PluginError) in
                // Its default endpoint is the manifest's matter too.
                try await self.announce(generation, manifest)
            }
        } catch {
            awaitsConfiguration = error.mayPass
            for backend in prepared {
                // A backend that nothing served can't be worse off.
                if case .started = backend.kind { adopt(backend) } else { await discard(backend) }
            }
            throw error
        }
        for backend in prepared { adopt(backend) }
        self.manifest = manifest
        reasons[.configuration] = nil
    }

    /// Takes the steps that can't be made beside what serves, and then one more; goes back when one fails.
    private func goAhead(
        _ prepared: [PreparedBackend], _ last: () async throws(PluginError) -> Void
    ) async throws(PluginError) {
        var taken: [PreparedBackend] = []
        do throws(PluginError) {
            for backend in prepared {
                do throws(PluginError) {
                    try await goAhead(backend)
                } catch {
                    services[backend.tag]?.failure = error
                    throw error
                }
                taken.append(backend)
            }
            try await last()
        } catch {
            for backend in taken.reversed() { await goBack(backend) }
            throw error
        }
    }

    // MARK: Trying again

    /// What the plugin refused is tried again, less and less often, backends and a manifest: what it misses, a file or
    /// a device, may come. Not those that can't be by their settings, nor those whose `create` hangs, which costs a
    /// thread each time.
    ///
    /// - Parameter afresh: whether something has changed, so that the pauses begin anew.
    func retryStartsLater(afresh: Bool) {
        startRetry?.cancel()
        startRetry = nil
        if afresh { startPause = RetryPause() }
        let isRefused = failures.values.contains { $0.mayPass }
        guard awaitsConfiguration || isRefused else { return }
        let pause = startPause.next()
        // Nobody waits for it, least of all the end of the host.
        startRetry = Task { [weak self] in
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            await self?.inOrder { await $0.retryStarts() }
        }
    }

    private func retryStarts() async {
        guard let generation else { return }
        guard let manifest = try? await readManifest() else {
            return retryStartsLater(afresh: false)
        }
        guard !awaitsConfiguration else {
            do throws(PluginError) {
                try await reconcile(with: manifest, isRetry: true)
                logger.info("the manifest is taken at last")
            } catch {
                fail(error)
            }
            return
        }
        for target in await environment.directory.targets(of: name) {
            let tag = target.backend.tag
            guard let before = failures[tag], before.mayPass else { continue }
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

    /// Ends a backend that is not to be any more: when the last request that has found it before is over.
    func takeAway(_ service: BackendService) {
        services[service.tag] = nil
        endInBackground(of: service.generation.number) { deployment in
            let limit = TimeLimit(service.settings.drainTimeout)
            await service.backend.users.areGone(within: limit.left)
            if await deployment.drain(service, closing: true, within: limit) {
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

    /// Tells the replicas of a new `user_config`; calls wait meanwhile.
    func reconfigure(
        _ service: BackendService, _ userConfig: String
    ) async throws(PluginError) {
        service.backend.hold()
        defer { service.backend.resume() }
        try await service.backend.drained(
            service.replicas.replicas, within: service.settings.drainTimeout)
        try await service.replicas.reconfigure(userConfig)
    }

    /// Hands the state of the replicas over to those that are to take their place. Calls wait from then on, until the
    /// others are installed or the backend is resumed.
    ///
    /// - Throws: ``PluginError``; the backend goes on as before.
    func handOver(
        from service: BackendService, to replicas: ReplicaSet
    ) async throws(PluginError) {
        service.backend.hold()
        do throws(PluginError) {
            try await service.backend.drained(
                service.replicas.replicas, within: service.settings.drainTimeout)
            try await service.replicas.handState(to: replicas)
        } catch {
            service.backend.resume()
            throw error
        }
    }
}

extension PluginError {
    /// Whether what failed may succeed the next time, though nothing of the plugin's has changed.
    fileprivate var mayPass: Bool { code == .lifecycleFailed || code == .workerEnded }
}
