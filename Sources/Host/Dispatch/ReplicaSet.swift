package import HostPlugins

/// The replicas of one generation in one backend.
package struct ReplicaSet: Sendable {
    package let generation: PluginGeneration
    package let replicas: [Replica]
    private let settings: BackendSettings

    /// Makes the replicas, warms them up and asks for their health, one after the other.
    ///
    /// - Throws: ``PluginError`` from the first that fails; those made before it are gone then.
    package static func start(
        of generation: PluginGeneration, backend: String, settings: BackendSettings
    ) async throws(PluginError) -> ReplicaSet {
        var replicas: [Replica] = []
        do throws(PluginError) {
            for index in 0..<settings.numReplicas {
                let replica = try await Replica.start(
                    of: generation, index: index, backend: backend, settings: settings)
                replicas.append(replica)
                try await replica.perform("warm_up", timeout: settings.lifecycleTimeout) {
                    instance throws(PluginError) in try instance.warmUp()
                }
                try await replica.perform("health check", timeout: settings.lifecycleTimeout) {
                    instance throws(PluginError) in try instance.checkHealth()
                }
            }
            return ReplicaSet(generation: generation, replicas: replicas, settings: settings)
        } catch {
            let made = ReplicaSet(generation: generation, replicas: replicas, settings: settings)
            _ = await made.stop()
            throw error
        }
    }

    /// Hands each replica's state to the replica of the same index. Neither set may be running calls.
    ///
    /// - Throws: ``PluginError``; `self` is unchanged and can serve on, `successor` is not fit for service.
    package func handState(to successor: ReplicaSet) async throws(PluginError) {
        for (old, new) in zip(replicas, successor.replicas) {
            let state = try await old.perform("save", timeout: settings.lifecycleTimeout) {
                instance throws(PluginError) in try instance.save()
            }
            try await new.perform("restore", timeout: settings.lifecycleTimeout) {
                instance throws(PluginError) in try instance.restore(state)
            }
        }
    }

    /// Destroys the instances. No call may be running.
    ///
    /// - Returns: the errors of those that did not go in time; empty when all is gone and the library may be unloaded.
    package func stop() async -> [PluginError] {
        var errors: [PluginError] = []
        for replica in replicas {
            do throws(PluginError) {
                try await replica.stop(timeout: settings.lifecycleTimeout)
            } catch {
                errors.append(error)
            }
        }
        return errors
    }

    /// Gives up on the instances: a call of theirs hangs.
    package func abandon() {
        for replica in replicas { replica.abandon() }
    }
}
