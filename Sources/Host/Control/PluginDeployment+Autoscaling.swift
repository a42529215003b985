internal import HostDispatch
internal import HostPlugins
internal import Logging
internal import NIOCore

/// The number of replicas follows the load.
///
/// The target is decided once in a period, and at once when a call comes and there is no replica. Each replica on the
/// way to the target is an operation of its own, so that a reload or a removal waits for one of them and not for all.
extension PluginDeployment {
    /// How many replicas a generation is made with: as many as there are now. One at least, and be it for a moment:
    /// what can't make a replica must not get into service because nobody calls.
    func replicaCount(of settings: BackendSettings) -> Int {
        guard let autoscaling = settings.autoscaling else { return settings.numReplicas }
        return max(1, autoscaling.clamp(service?.replicas.replicas.count ?? 0))
    }

    /// Scales what serves by these settings from now on; nil: not at all. Settings that are the same leave the target
    /// and what is known of the load as they are.
    func autoscale(by settings: AutoscalingSettings?) {
        guard settings != autoscaling?.settings else {
            autoscaling?.retryAtOnce(at: .now())
            return
        }
        let replicas = autoscaling?.target ?? service?.replicas.replicas.count ?? 0
        samplingLoop?.cancel()
        samplingLoop = nil
        autoscaling = nil
        guard let settings, let service else { return }
        // The average from here on is what the first decision needs.
        _ = service.backend.sampleLoad()
        let scaling = Autoscaling(settings, replicas: replicas, from: .now())
        autoscaling = scaling
        samplingLoop = Task { [weak self] in
            while (try? await Task.sleep(for: scaling.period)) != nil {
                guard let self else { return }
                await self.followLoad()
            }
        }
    }

    /// Decides, if that is due, and goes on until there are as many replicas as there are to be, or one can't be made.
    func followLoad() async {
        var isUnderWay = true
        while isUnderWay {
            isUnderWay = await inOrder { deployment in
                deployment.decideReplicas()
                return await deployment.approachTarget()
            }
        }
    }

    private func decideReplicas() {
        let now = NIODeadline.now()
        guard let service, autoscaling?.isDecisionDue(at: now) == true else { return }
        let ongoing = service.backend.sampleLoad()
        let made = service.replicas.replicas.count
        guard let last = autoscaling?.decide(ongoing: ongoing, made: made, at: now),
            let target = autoscaling?.target
        else { return }
        logger.info(
            "autoscaling from \(last) to \(target) replicas",
            metadata: ["ongoing calls": "\(ongoing)"])
    }

    /// Makes a replica more, or takes away those that are too many.
    ///
    /// - Returns: whether there may be something left to do at once.
    private func approachTarget() async -> Bool {
        guard let service else { return false }
        let (replicas, backend) = (service.replicas, service.backend)
        let step = autoscaling?.nextStep(
            made: replicas.replicas.count, serving: backend.status.replicas, at: .now())
        switch step {
        case nil: return false
        case .grow(let count):
            do throws(PluginError) {
                try checkHangingReplicas(of: service)
                try await replicas.grow(to: count, in: backend)
                autoscaling?.succeeded()
                return true
            } catch {
                if backend.status.replicas == 0 { backend.expectNoReplica() }
                if autoscaling?.failed(error, at: .now()) == true {
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
