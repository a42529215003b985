internal import HostDispatch
internal import HostPlugins
internal import Logging

/// Changes to what serves that need no new generation: settings, the number of replicas, replicas that are unfit.
extension PluginDeployment {
    // MARK: Settings

    func takeManifest() async throws(PluginError) {
        guard service != nil else {
            try await takeIntoService(.file)
            return
        }
        let (path, defaults) = (manifestPath, environment.settings.backendDefaults)
        let settings = try await PluginThread.run(
            name: name, what: "reading the manifest", timeout: defaults.lifecycleTimeout
        ) { () throws(PluginError) in try PluginManifest.read(path).settings(over: defaults) }
        try await apply(settings)
    }

    /// Brings the backend that serves in line with new settings.
    func apply(_ settings: BackendSettings) async throws(PluginError) {
        guard let service, settings != service.settings else { return }
        try settings.check(against: service.generation.descriptor)
        if settings.userConfig != service.settings.userConfig {
            guard service.generation.takesNewConfiguration else {
                try await takeIntoService(.operatorRequest)
                return
            }
            try await reconfigure(service, settings.userConfig)
        }
        service.replicas.update(settings)
        service.backend.update(settings)
        self.service?.settings = settings
        autoscale(by: settings.autoscaling)
        if settings.autoscaling == nil { try await resize(service, to: settings.numReplicas) }
        logger.info(
            "new settings",
            metadata: ["replicas": "\(autoscaling?.target ?? settings.numReplicas)"])
    }

    private func resize(_ service: Service, to count: Int) async throws(PluginError) {
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

    private func reconfigure(_ service: Service, _ userConfig: String) async throws(PluginError) {
        service.backend.hold()
        defer { service.backend.resume() }
        try await service.backend.drained(
            service.replicas.replicas, within: service.settings.drainTimeout)
        try await service.replicas.reconfigure(userConfig)
    }

    // MARK: Replicas

    func restartReplicas(_ index: Int?) async throws(ControlError) {
        guard let service else {
            throw ControlError(.restartFailed, "\(name) is not in service")
        }
        let chosen = service.replicas.replicas.filter { index == nil || $0.index == index }
        guard !service.replicas.replicas.isEmpty else {
            throw ControlError(
                .noSuchReplica, "\(name) has no replica now; its next call gets a fresh one")
        }
        guard !chosen.isEmpty else {
            let last = service.replicas.replicas.count - 1
            throw ControlError(
                .noSuchReplica,
                "\(name) has no replica \(index ?? 0); they are numbered 0 to \(last)")
        }
        for replica in chosen {
            do throws(PluginError) {
                try await service.replicas.replace(replica, in: service.backend)
            } catch {
                throw ControlError(
                    .restartFailed,
                    "replica \(replica.index) of \(name) was not restarted: \(error.message); "
                        + "it serves on", cause: error)
            }
            end(replica, of: service)
        }
    }

    /// Replaces a replica that left the rotation; tries again, less and less often, while that fails.
    func replaceLost(_ replica: Replica, _ reason: String) async {
        guard let service, service.replicas.contains(replica) else { return }
        do throws(PluginError) {
            try checkHangingReplicas(of: service)
        } catch {
            service.backend.expectNoReplica()
            fail(error)
            return
        }
        do throws(PluginError) {
            try await service.replicas.replace(replica, in: service.backend)
            losses.replaced(because: reason)
            logger.info("replica \(replica.index) was replaced")
            end(replica, of: service)
        } catch {
            service.backend.expectNoReplica()
            fail(
                PluginError(
                    error.code, "replica \(replica.index) can't be replaced: \(error.message)",
                    cause: error))
            let pause = losses.nextPause()
            // Nobody waits for it, least of all the end of the host.
            Task { [weak self] in
                try? await Task.sleep(for: pause)
                await self?.replicaLost(replica, reason)
            }
        }
    }

    /// - Throws: ``PluginError`` when so many replicas of the generation hang that no more are to be made.
    func checkHangingReplicas(of service: Service) throws(PluginError) {
        let hanging = losses.abandonedCount(in: service.generation.number)
        guard hanging < ReplicaLosses.limit else {
            throw PluginError(
                .lifecycleFailed,
                "\(hanging) replicas hang and were replaced; no more are. Mend the plugin "
                    + "and reload it; the hanging threads end with the host")
        }
    }

    /// Lets a replica that is out of the rotation finish its calls, and destroys it; meanwhile others go on.
    func end(_ replica: Replica, of service: Service) {
        inBackground { deployment in
            do throws(PluginError) {
                try await service.replicas.end(replica, in: service.backend)
            } catch {
                deployment.losses.abandoned(in: service.generation.number)
                deployment.logger.error(
                    "replica \(replica.index) is left to itself: \(error.message)")
            }
        }
    }
}
