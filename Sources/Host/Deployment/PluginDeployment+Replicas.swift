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
            if services[tag]?.replacements == 0 { services[tag]?.failure = nil }
            logger.info("replica \(replica.index) was replaced")
            end(replica, of: service)
        } catch {
            let (pause, clause) =
                error.code == .workerEnded
                ? nextStart(of: tag, after: .now) : (losses.nextPause(), "")
            if pause > Self.longestWait || error.code != .workerEnded {
                service.backend.expectNoReplica()
            }
            let failure = PluginError(
                error.code,
                "replica \(replica.index) can't be replaced: \(error.message)"
                    + (clause.isEmpty ? "" : "; \(clause)"), cause: error)
            if services[tag]?.failure?.message != failure.message {
                logger.error("\(failure.message)")
            }
            services[tag]?.failure = failure
            replaceLater(replica, of: tag, reason, in: pause)
        }
    }

    /// For how long calls wait for a replica rather than be refused.
    private static let longestWait: Duration = .seconds(1)

    /// One more worker process of a backend has died: when the next one is started, and how to say that.
    ///
    /// - Parameter start: when the one that died was started.
    private func nextStart(
        of tag: String, after start: ContinuousClock.Instant
    ) -> (pause: Duration, clause: String) {
        guard let settings = services[tag]?.settings.restart else { return (.zero, "") }
        let next = services[tag]?.deaths.died(
            at: .now, startedAt: start, by: settings, jitter: .random(in: 0...1))
        switch next {
        case .atOnce, nil: return (.zero, "a new one is started")
        case .after(let wait): return (wait, "a new one is started in \(wait.rounded)")
        case .broken(let wait, let deaths):
            return (
                wait,
                "\(deaths) worker processes have died within \(settings.window.rounded): one more is tried in "
                    + "\(wait.rounded); mend the plugin and reload it"
            )
        }
    }

    /// A worker process has died: whether its replacement waits, because others have died before.
    private func waits(_ replica: Replica, of tag: String, _ loss: ReplicaLoss) -> Bool {
        guard let service = services[tag] else { return false }
        let (pause, clause) = nextStart(of: tag, after: replica.start)
        guard pause > .zero else { return false }
        // Calls wait for a replica that comes soon.
        if pause > Self.longestWait { service.backend.expectNoReplica() }
        let failure = "\(loss.reason); \(clause)"
        services[tag]?.failure = PluginError(.workerEnded, failure)
        logger.error("\(failure)", metadata: ["backend": "\(tag)"])
        replaceLater(replica, of: tag, loss.reason, in: pause)
        return true
    }

    /// Nobody waits for it, least of all the end of the host.
    private func replaceLater(
        _ replica: Replica, of tag: String, _ reason: String, in pause: Duration
    ) {
        services[tag]?.replacements += 1
        Task { [weak self] in
            try? await Task.sleep(for: pause)
            await self?.replaceNow(replica, of: tag, reason)
        }
    }

    private func replaceNow(_ replica: Replica, of tag: String, _ reason: String) async {
        if let waiting = services[tag]?.replacements, waiting > 0 {
            services[tag]?.replacements = waiting - 1
        }
        await replicaLost(replica, of: tag, ReplicaLoss(reason: reason))
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

extension Duration {
    /// For people: `90 ms`, `4.9 s`, `30 s`.
    fileprivate var rounded: String {
        let milliseconds = Int((self / .milliseconds(1)).rounded())
        guard milliseconds >= 1_000 else { return "\(milliseconds) ms" }
        let tenths = (milliseconds + 50) / 100
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}
