internal import HostCore
internal import HostDispatch
internal import HostPlugins
internal import Logging

/// Replicas that are made anew, because an operator wants it or because they are unfit.
extension PluginDeployment {
    // MARK: Replicas

    func restartReplicas(_ index: Int?) async throws(ControlError) {
        guard generation != nil else {
            throw ControlError(.restartFailed, "\(name) is not in service")
        }
        let replicas = services.values.flatMap(\.replicas.replicas)
        guard !replicas.isEmpty else {
            throw ControlError(
                .noSuchReplica, "\(name) has no replica now; its next call gets a fresh one")
        }
        guard index == nil || replicas.contains(where: { $0.index == index }) else {
            let last = replicas.map(\.index).max() ?? 0
            throw ControlError(
                .noSuchReplica,
                "\(name) has no replica \(index ?? 0); they are numbered 0 to \(last)")
        }
        for service in services.values.sorted(by: { $0.tag < $1.tag }) {
            for replica in service.replicas.replicas where index == nil || replica.index == index {
                try await restart(replica, of: service)
            }
        }
    }

    private func restart(
        _ replica: Replica, of service: BackendService
    ) async throws(ControlError) {
        do throws(PluginError) {
            try await service.replicas.replace(replica, in: service.backend)
        } catch {
            throw ControlError(
                .restartFailed,
                "replica \(replica.index) of \(service.tag) was not restarted: \(error.message); "
                    + "it serves on", cause: error)
        }
        end(replica, of: service)
    }

    /// Replaces a replica that left the rotation; tries again, less and less often, while that fails.
    func replaceLost(_ replica: Replica, of tag: String, _ loss: ReplicaLoss) async {
        guard let service = services[tag], service.replicas.contains(replica) else { return }
        guard !loss.isDeath || !waits(replica, of: tag, loss) else { return }
        let reason = loss.reason
        do throws(PluginError) {
            try checkHangingReplicas(of: service)
        } catch {
            service.backend.expectNoReplica()
            services[tag]?.failure = error
            logger.error("\(error.message)")
            return
        }
        do throws(PluginError) {
            try await service.replicas.replace(replica, in: service.backend)
            losses.replaced(because: reason)
            services[tag]?.deaths.started(at: .now)
            services[tag]?.failure = nil
            logger.info("replica \(replica.index) was replaced")
            end(replica, of: service)
        } catch {
            let pause = pause(after: error, of: tag)
            if pause > Self.longestWait { service.backend.expectNoReplica() }
            let failure = PluginError(
                error.code, "replica \(replica.index) can't be replaced: \(error.message)",
                cause: error)
            if services[tag]?.failure?.message != failure.message {
                logger.error("\(failure.message)")
            }
            services[tag]?.failure = failure
            // Nobody waits for it, least of all the end of the host.
            Task { [weak self] in
                try? await Task.sleep(for: pause)
                await self?.replicaLost(replica, of: tag, ReplicaLoss(reason: reason))
            }
        }
    }

    /// How long to wait before a replacement that failed is tried again.
    private func pause(after error: PluginError, of tag: String) -> Duration {
        guard error.code == .workerEnded, let service = services[tag] else {
            return losses.nextPause()
        }
        // One more that has died.
        let next = services[tag]?.deaths.died(
            at: .now, by: service.settings.restart, jitter: .random(in: 0...1))
        return switch next {
        case .after(let wait), .broken(let wait, _): wait
        case .atOnce, nil: .zero
        }
    }

    /// For how long calls wait for a replica rather than be refused.
    private static let longestWait: Duration = .seconds(1)

    /// A worker process has died: whether its replacement waits, because others have died before.
    private func waits(_ replica: Replica, of tag: String, _ loss: ReplicaLoss) -> Bool {
        guard let service = services[tag] else { return false }
        let next = services[tag]?.deaths.died(
            at: .now, by: service.settings.restart, jitter: .random(in: 0...1))
        let (pause, failure): (Duration, String)
        switch next {
        case .atOnce, nil: return false
        case .after(let wait):
            (pause, failure) = (wait, "\(loss.reason); a new one is started in \(wait)")
        case .broken(let wait, let deaths):
            pause = wait
            failure =
                "\(deaths) worker processes have died within \(service.settings.restart.window), the last one: "
                + "\(loss.reason); one more is tried in \(wait). Mend the plugin and reload it"
        }
        // Calls wait for a replica that comes soon.
        if pause > Self.longestWait { service.backend.expectNoReplica() }
        services[tag]?.failure = PluginError(.lifecycleFailed, failure)
        logger.error("\(failure)", metadata: ["backend": "\(tag)"])
        Task { [weak self] in
            try? await Task.sleep(for: pause)
            await self?.replicaLost(replica, of: tag, ReplicaLoss(reason: loss.reason))
        }
        return true
    }

    /// - Throws: ``PluginError`` when so many replicas of the generation hang that no more are to be made.
    func checkHangingReplicas(of service: BackendService) throws(PluginError) {
        let hanging = losses.abandonedCount(in: service.generation.number)
        guard hanging < ReplicaLosses.limit else {
            throw PluginError(
                .lifecycleFailed,
                "\(hanging) replicas hang and were replaced; no more are. Mend the plugin "
                    + "and reload it; the hanging threads end with the host")
        }
    }

    /// Lets a replica that is out of the rotation finish its calls, and destroys it; meanwhile others go on.
    func end(_ replica: Replica, of service: BackendService) {
        endInBackground(of: service.generation.number) { deployment in
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
