package import HostCore

/// One instance of a plugin, and the worker that runs its calls.
package final class Replica: Sendable {
    package let id = ReplicaID()
    /// 0, 1, ... within its set.
    package let index: Int
    let worker: any ReplicaWorker
    package let start = ContinuousClock.now

    init(_ worker: any ReplicaWorker, index: Int) {
        self.worker = worker
        self.index = index
    }

    /// Makes the instance on a worker of its own, warms it up and asks for its health.
    ///
    /// - Throws: ``PluginError`` from the plugin, or when it takes too long. An instance that is ready after that is
    ///   destroyed at once.
    package static func start(
        of source: any ReplicaSource, index: Int, backend: String, settings: BackendSettings
    ) async throws(PluginError) -> Replica {
        let limit = settings.lifecycleTimeout
        let worker = try await source.makeWorker(
            replica: index, backend: backend, userConfig: settings.userConfig, within: limit)
        do throws(PluginError) {
            try await worker.warmUp(within: limit)
            try await worker.checkHealth(within: limit)
            return Replica(worker, index: index)
        } catch {
            try? await worker.stop(within: limit)
            throw error
        }
    }

    /// Destroys the instance and ends its worker. No call may be running.
    ///
    /// - Throws: ``PluginError`` when `destroy` takes too long; the worker ends when it returns.
    package func stop(timeout: Duration) async throws(PluginError) {
        try await worker.stop(within: timeout)
    }

    /// Gives up on the instance: a call of it hangs.
    package func abandon() { worker.abandon() }
}

/// Why a replica has left the rotation.
package struct ReplicaLoss: Sendable {
    package var reason: String
    /// Whether its worker has ended by itself.
    package var isDeath = false

    package init(reason: String, isDeath: Bool = false) {
        self.reason = reason
        self.isDeath = isDeath
    }
}
