internal import HostConfigurationFiles
internal import HostCore
internal import HostDispatch
internal import HostPlugins
internal import HostWorkers
internal import Logging

/// Make before break: what a change of the configuration needs is made ready beside what serves, and waited for; then
/// it takes its place at once.
extension PluginDeployment {
    // MARK: Making ready

    /// Why a backend is made ready.
    enum Purpose {
        /// A change of the configuration wants it. If it has been there before, a plugin that is not in service is no
        /// reason to refuse the change.
        case change(mayStayUnserved: Bool)
        /// The plugin's manifest has changed, or what is configured: in the plugin's turn.
        case manifest(PluginManifest)
    }

    /// Makes a backend ready. For a change, other operations of the plugin go on meanwhile; what they change makes the
    /// preparation useless, as ``fits(_:)`` tells.
    ///
    /// - Throws: ``PluginError``: why the backend can't serve as it is wanted. Nothing has changed then.
    func prepare(
        _ target: BackendTarget, for purpose: Purpose
    ) async throws(PluginError) -> PreparedBackend {
        var (manifest, isChange) = (manifest, true)
        if case .manifest(let newest) = purpose { (manifest, isChange) = (newest, false) }
        // What is being loaded is waited for.
        if isChange, generation == nil { await inOrder { _ in } }
        guard let generation else {
            if case .change(mayStayUnserved: true) = purpose {
                return PreparedBackend(backend: target.backend, kind: .unserved)
            }
            return try await prepareByLoading(target)
        }
        try checkMethods(of: generation)
        let settings = try target.settings(
            manifest.settings(over: environment.settings.backendDefaults))
        try settings.check(against: generation.descriptor)
        guard let service = services[target.backend.tag], service.backend === target.backend else {
            return try await pinning(generation, target) { () throws(PluginError) in
                let replicas = try await ReplicaSet.start(
                    of: generation, backend: target.backend.tag, settings: settings,
                    count: max(1, settings.autoscaling?.clamp(0) ?? settings.numReplicas))
                return (
                    .started(
                        BackendService(
                            backend: target.backend, generation: generation, replicas: replicas,
                            settings: settings)),
                    settings, nil
                )
            }
        }
        if settings == service.settings {
            if isChange { try checkServes(service) }
            return PreparedBackend(backend: target.backend, kind: .served)
        }
        return try await prepare(settings, for: service, target)
    }

    private func prepare(
        _ settings: BackendSettings, for service: BackendService, _ target: BackendTarget
    ) async throws(PluginError) -> PreparedBackend {
        let generation = service.generation
        let isOther = !settings.hasSameUserConfig(as: service.settings)
        if isOther, !generation.takesNewConfiguration {
            let count = replicaCount(of: service.tag, settings)
            return try await pinning(generation, target) { () throws(PluginError) in
                let replicas = try await ReplicaSet.start(
                    of: generation, backend: service.tag, settings: settings, count: count)
                return (
                    .renewed(
                        BackendService(
                            backend: service.backend, generation: generation, replicas: replicas,
                            settings: settings)),
                    settings, service
                )
            }
        }
        let there = service.replicas.replicas.map(\.index)
        let wanted = settings.autoscaling.map { $0.clamp(there.count) } ?? settings.numReplicas
        let lacking = (0..<max(wanted, 0)).filter { !there.contains($0) }
        return try await pinning(generation, target) { () throws(PluginError) in
            guard !lacking.isEmpty else {
                return (.changed(added: nil, reconfigures: isOther), settings, service)
            }
            let added = try await ReplicaSet.start(
                of: generation, backend: service.tag, settings: settings, indices: lacking)
            return (.changed(added: added, reconfigures: isOther), settings, service)
        }
    }

    /// Loads a plugin that could not serve what it had, for one more backend: its `user_config` may be what it lacked.
    private func prepareByLoading(
        _ target: BackendTarget
    ) async throws(PluginError) -> PreparedBackend {
        let before = reasons
        extraTargets.append(target)
        defer { extraTargets.removeAll { $0.backend === target.backend } }
        do throws(PluginError) {
            try await load(.file)
        } catch  where !error.servesAllTheSame {
            let reason = failures.removeValue(forKey: target.backend.tag) ?? error
            // The reason is this change's, which is refused.
            if generation == nil { reasons = before }
            throw PluginError(reason.code, "the plugin \(name) is not served: \(reason.message)")
        } catch {
            // It stands in the status.
        }
        guard let service = services[target.backend.tag], service.backend === target.backend else {
            let reason = failures.removeValue(forKey: target.backend.tag) ?? failure
            throw reason ?? PluginError(.lifecycleFailed, "the plugin \(name) is not served")
        }
        return PreparedBackend(
            backend: target.backend, kind: .loaded, settings: service.settings,
            generation: service.generation, base: service)
    }

    /// Makes something of a generation, whose library stays loaded until that is adopted or given up.
    private func pinning(
        _ generation: any PluginSource, _ target: BackendTarget,
        _ make: () async throws(PluginError) -> (
            PreparedBackend.Kind, BackendSettings, base: BackendService?
        )
    ) async throws(PluginError) -> PreparedBackend {
        let released = Promise<Void>()
        endInBackground(of: generation.number) { _ in
            await released.value
        }
        do throws(PluginError) {
            let (kind, settings, base) = try await make()
            return PreparedBackend(
                backend: target.backend, kind: kind, settings: settings, generation: generation,
                base: base, released: released)
        } catch {
            released.fulfil()
            throw error
        }
    }

    /// - Throws: ``PluginError``, why a backend that is there does not serve.
    private func checkServes(_ service: BackendService) throws(PluginError) {
        guard !service.backend.takesCalls else { return }
        throw service.failure ?? service.autoscaling?.failure
            ?? PluginError(.lifecycleFailed, "it has no healthy replica now")
    }

    /// Whether a backend takes calls now.
    func serves(_ backend: Backend) -> Bool {
        guard let service = services[backend.tag], service.backend === backend else { return false }
        return backend.takesCalls
    }

    // MARK: Taking its place

    /// Takes the plugin's turn: no other operation of it begins until the turn is given back.
    func takeTurn() async -> DeploymentTurn {
        let turn = DeploymentTurn()
        enqueue { _ in await turn.hold() }
        await turn.hasCome()
        return turn
    }

    /// Whether what was made ready is still what is needed. To be asked in the plugin's turn.
    func fits(_ prepared: PreparedBackend) -> Bool {
        let service = services[prepared.tag]
        switch prepared.kind {
        case .served: return serves(prepared.backend)
        case .unserved: return generation == nil
        case .started:
            return prepared.generation === generation && service?.backend !== prepared.backend
        case .loaded:
            return prepared.generation === generation && service?.backend === prepared.backend
        case .renewed, .changed:
            return prepared.generation === generation && service?.backend === prepared.backend
                && service?.replicas === prepared.base?.replicas
                && service?.settings == prepared.base?.settings && hasAllReplicas(prepared)
        }
    }

    /// Whether a fixed number of replicas is there with those that were made ready: autoscaling may have ended some.
    private func hasAllReplicas(_ prepared: PreparedBackend) -> Bool {
        guard case .changed(let added, _) = prepared.kind, let settings = prepared.settings,
            settings.autoscaling == nil
        else { return true }
        let there = (services[prepared.tag]?.replicas.replicas ?? []) + (added?.replicas ?? [])
        return Set(0..<max(settings.numReplicas, 0)).isSubset(of: there.map(\.index))
    }

    /// What can't be made beside what serves: the replicas that serve are told of a new `user_config`, or hand their
    /// state over. In the plugin's turn; undone by ``goBack(_:)``.
    ///
    /// - Throws: ``PluginError``; the backend is as it was.
    func goAhead(_ prepared: PreparedBackend) async throws(PluginError) {
        guard let service = services[prepared.tag], let settings = prepared.settings else { return }
        switch prepared.kind {
        case .changed(_, reconfigures: true):
            try await reconfigure(service, settings.userConfig)
        case .renewed(let next) where service.generation.handsStateOver:
            try await handOver(from: service, to: next.replicas)
        default: break
        }
    }

    /// Undoes ``goAhead(_:)``.
    func goBack(_ prepared: PreparedBackend) async {
        guard let service = services[prepared.tag], let base = prepared.base else { return }
        switch prepared.kind {
        case .changed(_, reconfigures: true):
            do throws(PluginError) {
                try await reconfigure(service, base.settings.userConfig)
            } catch {
                services[prepared.tag]?.failure = error
                logger.error(
                    "backend \(prepared.tag) did not take its old user_config back: \(error.message)"
                )
            }
        case .renewed where service.generation.handsStateOver: service.backend.resume()
        default: break
        }
    }

    /// Puts a backend that was made ready into service. In the plugin's turn, when the change is written down.
    func adopt(_ prepared: PreparedBackend) {
        defer { prepared.released.fulfil() }
        failures[prepared.tag] = nil
        services[prepared.tag]?.failure = nil
        guard let settings = prepared.settings else { return }
        switch prepared.kind {
        case .served, .unserved, .loaded: break
        case .started(let service):
            // One of that tag that is on its way out.
            if let old = services[prepared.tag] { takeAway(old) }
            install(service, after: nil)
        case .renewed(let next):
            guard let service = services[prepared.tag] else { return }
            install(next, after: service)
            services[prepared.tag]?.failure = nil
            for replica in service.replicas.replicas { end(replica, of: service) }
        case .changed(let added, _):
            guard let service = services[prepared.tag] else { return }
            service.replicas.update(settings)
            service.backend.update(settings)
            services[prepared.tag]?.settings = settings
            services[prepared.tag]?.failure = nil
            if let added {
                service.replicas.takeOver(added, in: service.backend)
                // Those that were made by somebody else in between.
                endInBackground(of: service.generation.number) { await $0.finalize([added]) }
            }
            autoscale(prepared.tag, by: settings.autoscaling)
            guard settings.autoscaling == nil else { break }
            for replica in service.replicas.shrink(to: settings.numReplicas, in: service.backend) {
                end(replica, of: service)
            }
        }
        logger.info(
            "new settings",
            metadata: [
                "backend": "\(prepared.tag)",
                "replicas": "\(services[prepared.tag]?.target ?? settings.numReplicas)",
            ])
    }

    /// Gives up what was made ready.
    func discard(_ prepared: PreparedBackend) async {
        switch prepared.kind {
        case .served, .unserved: break
        case .started(let service), .renewed(let service): await finalize([service.replicas])
        case .changed(let added, _):
            if let added { await finalize([added]) }
        // Unless it is configured it is no target any more, and goes.
        case .loaded: await backendsChanged()
        }
        prepared.released.fulfil()
    }
}
