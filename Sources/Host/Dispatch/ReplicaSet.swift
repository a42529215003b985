package import HostCore
internal import NIOConcurrencyHelpers

/// The replicas of one generation in one backend: makes them, changes their number, and ends them.
///
/// Its owner calls the functions one at a time; which calls run where is the backend's business.
package final class ReplicaSet: Sendable {
    package let source: any ReplicaSource
    private let backend: String
    private let state: NIOLockedValueBox<State>

    private struct State {
        var settings: BackendSettings
        var replicas: [Replica]
    }

    /// Makes the replicas, one after the other.
    ///
    /// - Throws: ``PluginError`` from the first that fails; those made before it are gone then.
    package static func start(
        of source: any ReplicaSource, backend: String, settings: BackendSettings, count: Int
    ) async throws(PluginError) -> ReplicaSet {
        try await start(
            of: source, backend: backend, settings: settings, indices: Array(0..<count))
    }

    /// Makes the replicas with these indices, one after the other.
    ///
    /// - Throws: ``PluginError`` from the first that fails; those made before it are gone then.
    package static func start(
        of source: any ReplicaSource, backend: String, settings: BackendSettings, indices: [Int]
    ) async throws(PluginError) -> ReplicaSet {
        let set = ReplicaSet(of: source, backend: backend, settings: settings)
        do throws(PluginError) {
            for index in indices { try await set.make(index) }
            return set
        } catch {
            _ = await set.stop()
            throw error
        }
    }

    private init(of source: any ReplicaSource, backend: String, settings: BackendSettings) {
        self.source = source
        self.backend = backend
        state = NIOLockedValueBox(State(settings: settings, replicas: []))
    }

    package var replicas: [Replica] { state.withLockedValue { $0.replicas } }

    private var settings: BackendSettings { state.withLockedValue { $0.settings } }

    @discardableResult
    private func make(_ index: Int) async throws(PluginError) -> Replica {
        let replica = try await Replica.start(
            of: source, index: index, backend: backend, settings: settings)
        state.withLockedValue { state in
            state.replicas.append(replica)
            state.replicas.sort { $0.index < $1.index }
        }
        return replica
    }

    // MARK: In service

    /// Settings for the replicas that are made from now on.
    package func update(_ settings: BackendSettings) {
        state.withLockedValue { $0.settings = settings }
    }

    /// Makes replicas until there are `count`, and puts each into service.
    ///
    /// - Throws: ``PluginError`` from the first that fails; those before it serve.
    package func grow(to count: Int, in backend: Backend) async throws(PluginError) {
        for index in 0..<count where !replicas.contains(where: { $0.index == index }) {
            backend.add(try await make(index))
        }
    }

    /// Takes over the replicas of another set, which was made beside this one, and puts them into service. One whose
    /// index is taken by now stays with the other.
    package func takeOver(_ other: ReplicaSet, in backend: Backend) {
        let taken = Set(replicas.map(\.index))
        let moved = other.state.withLockedValue { other in
            let moved = other.replicas.filter { !taken.contains($0.index) }
            other.replicas.removeAll { !taken.contains($0.index) }
            return moved
        }
        state.withLockedValue { state in
            state.replicas = (state.replicas + moved).sorted { $0.index < $1.index }
        }
        for replica in moved { backend.add(replica) }
    }

    /// Takes replicas out of the set until there are `count`, and out of the backend's rotation.
    ///
    /// - Returns: those taken out, which may still be finishing calls: ``end(_:in:within:)``.
    package func shrink(to count: Int, in backend: Backend) -> [Replica] {
        let surplus = state.withLockedValue { state in
            let surplus = state.replicas.filter { $0.index >= count }
            state.replicas.removeAll { $0.index >= count }
            return surplus
        }
        for replica in surplus { backend.retire(replica) }
        return surplus
    }

    /// Makes a new replica in place of one, puts it into service and takes the old one out.
    ///
    /// - Throws: ``PluginError`` when the new one can't be made; then the old one is as it was.
    package func replace(_ old: Replica, in backend: Backend) async throws(PluginError) {
        backend.add(try await make(old.index))
        backend.retire(old)
        state.withLockedValue { $0.replicas.removeAll { $0.id == old.id } }
    }

    package func contains(_ replica: Replica) -> Bool {
        replicas.contains { $0.id == replica.id }
    }

    // MARK: Across generations

    /// Hands each replica's state to the replica of the same index. Neither set may be running calls.
    ///
    /// - Throws: ``PluginError``; `self` is unchanged and can serve on, `successor` is not fit for service.
    package func handState(to successor: ReplicaSet) async throws(PluginError) {
        let timeout = settings.lifecycleTimeout
        for (old, new) in zip(replicas, successor.replicas) {
            let state = try await old.worker.save(within: timeout)
            try await new.worker.restore(state, within: timeout)
        }
    }

    /// Tells each replica of a new `user_config`. No call may be running.
    ///
    /// - Throws: ``PluginError`` from the first that refuses; the others have the old one again.
    package func reconfigure(_ userConfig: String) async throws(PluginError) {
        let (timeout, old) = (settings.lifecycleTimeout, settings.userConfig)
        var changed: [Replica] = []
        do throws(PluginError) {
            for replica in replicas {
                try await replica.worker.reconfigure(userConfig, within: timeout)
                changed.append(replica)
            }
        } catch {
            for replica in changed {
                try? await replica.worker.reconfigure(old, within: timeout)
            }
            throw error
        }
    }

    // MARK: The end

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

    /// Lets a replica that is out of the rotation finish its calls, and destroys it.
    ///
    /// - Throws: ``PluginError`` when a call or `destroy` hangs; then the replica is left to itself.
    package func end(_ replica: Replica, in backend: Backend) async throws(PluginError) {
        defer { backend.discard([replica]) }
        do throws(PluginError) {
            try await backend.drained([replica], within: settings.drainTimeout)
        } catch {
            replica.abandon()
            throw error
        }
        try await replica.stop(timeout: settings.lifecycleTimeout)
    }

    /// Gives up on the instances: a call of theirs hangs.
    package func abandon() {
        for replica in replicas { replica.abandon() }
    }
}
