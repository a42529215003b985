internal import HostCore
internal import HostDispatch
internal import Logging
internal import NIOCore

/// The number of replicas follows the load.
///
/// The target is decided once in a period, and at once when a call comes and there is no replica. Each replica on the
/// way to the target is an operation of its own, so that a reload or a removal waits for one of them and not for all.
extension PluginDeployment {
    /// How many replicas a generation is made with: as many as there are now. One at least, and be it for a moment:
    /// what can't make a replica must not get into service because nobody calls.
    func replicaCount(of tag: String, _ settings: BackendSettings) -> Int {
        guard let autoscaling = settings.autoscaling else { return settings.numReplicas }
        return max(1, autoscaling.clamp(services[tag]?.replicas.replicas.count ?? 0))
    }

    /// Scales what serves by these settings from now on; nil: not at all. Settings that are the same leave the target
    /// and what is known of the load as they are.
    func autoscale(_ tag: String, by settings: AutoscalingSettings?) {
        guard let service = services[tag] else { return }
        guard settings != service.autoscaling?.settings else {
            services[tag]?.autoscaling?.retryAtOnce(at: .now())
            return
        }
        let replicas = service.autoscaling?.target ?? service.replicas.replicas.count
        service.samplingLoop?.cancel()
        services[tag]?.samplingLoop = nil
        services[tag]?.autoscaling = nil
        guard let settings else { return }
        // The average from here on is what the first decision needs.
        _ = service.backend.sampleLoad()
        let scaling = Autoscaling(settings, replicas: replicas, from: .now())
        services[tag]?.autoscaling = scaling
        services[tag]?.samplingLoop = Task { [weak self] in
            while (try? await Task.sleep(for: scaling.period)) != nil {
                guard let self else { return }
                await self.followLoad(of: tag)
            }
        }
    }

    /// Decides, if that is due, and goes on until there are as many replicas as there are to be, or one can't be made.
    func followLoad(of tag: String) async {
        var isUnderWay = true
        while isUnderWay {
            isUnderWay = await inOrder { deployment in
                deployment.decideReplicas(of: tag)
                return await deployment.approachTarget(of: tag)
            }
        }
    }

    private func decideReplicas(of tag: String) {
        let now = NIODeadline.now()
        guard let service = services[tag],
            service.autoscaling?.isDecisionDue(at: now) == true
        else { return }
        let ongoing = service.backend.sampleLoad()
        let made = service.replicas.replicas.count
        guard
            let last = services[tag]?.autoscaling?.decide(ongoing: ongoing, made: made, at: now),
            let target = services[tag]?.autoscaling?.target
        else { return }
        logger.info(
            "autoscaling from \(last) to \(target) replicas",
            metadata: ["backend": "\(tag)", "ongoing_calls": "\(ongoing)"])
    }

    /// Makes a replica more, or takes away those that are too many.
    ///
    /// - Returns: whether there may be something left to do at once.
    private func approachTarget(of tag: String) async -> Bool {
        guard let service = services[tag] else { return false }
        let (replicas, backend) = (service.replicas, service.backend)
        let step = services[tag]?.autoscaling?.nextStep(
            made: replicas.replicas.count, serving: backend.status.replicas, at: .now())
        switch step {
        case nil: return false
        case .grow(let count):
            do throws(PluginError) {
                try checkHangingReplicas(of: service)
                try await replicas.grow(to: count, in: backend)
                services[tag]?.autoscaling?.succeeded()
                return true
            } catch {
                if backend.status.replicas == 0 { backend.expectNoReplica() }
                if services[tag]?.autoscaling?.failed(error, at: .now()) == true {
                    logger.error("replica \(count) can't be made: \(error.message)")
                }
                return false
            }
        case .shrink(let count):
            for replica in replicas.shrink(to: count, in: backend) { end(replica, of: service) }
            guard count == 0 else { return false }
            backend.expectReplica()
            // Calls that came just before found a replica, so nobody was told that they want one.
            return backend.status.waiting > 0
        }
    }
}
