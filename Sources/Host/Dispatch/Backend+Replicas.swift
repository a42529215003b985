package import HostCore
internal import HostLogging
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Synchronization

/// Replicas that come and go while the backend serves: reloads, changes of number, and those that are lost.
extension Backend {
    /// Who is told of a replica that has left the rotation because it is unfit, and why. It may still be running
    /// calls.
    package func onReplicaLost(_ report: @escaping @Sendable (Replica, ReplicaLoss) -> Void) {
        guarded.withLockedValue { $0.onReplicaLost = report }
    }

    /// Who is told that a call waits and there is no replica.
    package func onReplicaWanted(_ report: @escaping @Sendable () -> Void) {
        guarded.withLockedValue { $0.onReplicaWanted = report }
    }

    /// How many calls waited or ran on average since the last time this was asked; the first value means nothing.
    package func sampleLoad() -> Double {
        guarded.withLockedValue { $0.state.sampleLoad(at: .now()) }
    }

    /// Puts a generation's replicas into service, in place of those in service before; calls that were held go on.
    ///
    /// The old replicas may still be finishing calls: ``drained(_:within:)``.
    package func install(_ replicas: [Replica], of source: any ReplicaSource) {
        // Whatever the source is: it is not asked under the lock.
        let (methods, isReentrant) = (source.methods, source.isReentrant)
        let carriesCalls = source.carriesCalls
        let refused = guarded.withLockedValue { guarded in
            guarded.source = source
            for replica in replicas { guarded.replicas[replica.id] = replica }
            return guarded.state.install(
                replicas.map(\.id), methods: methods, isReentrant: isReentrant,
                carriesCalls: carriesCalls)
        }
        installationCount.add(1, ordering: .releasing)
        for (call, error) in refused { responses.fail([call]) { _ in error } }
        for replica in replicas { watch(replica) }
        updateBatchKeys()
        scheduleHealthChecks()
        startWhatCanBegin()
    }

    /// A replica whose worker ends by itself leaves the rotation.
    private func watch(_ replica: Replica) {
        replica.worker.whenEnded { [weak self, weak replica] reason in
            guard let self, let replica else { return }
            let wasInRotation = guarded.withLockedValue { $0.state.retire(replica.id) }
            if wasInRotation { lose(replica, reason, isDeath: true) }
        }
    }

    /// Puts one more replica into service.
    package func add(_ replica: Replica) {
        guarded.withLockedValue { guarded in
            guarded.replicas[replica.id] = replica
            guarded.state.add(replica.id)
        }
        watch(replica)
        scheduleHealthChecks()
        startWhatCanBegin()
    }

    /// A lost replica could not be replaced for now: without another one calls are refused until one is added.
    package func expectNoReplica() {
        let (refused, refusal) = guarded.withLockedValue { guarded in
            (guarded.state.expectNoReplica(), guarded.state.noReplica)
        }
        responses.fail(refused) { _ in refusal }
    }

    /// There is no replica now because nobody calls: a call waits for the one that is made then.
    package func expectReplica() {
        guarded.withLockedValue { $0.state.expectReplica() }
    }

    /// Takes a replica out of the rotation; it finishes what it runs.
    package func retire(_ replica: Replica) {
        guarded.withLockedValue { _ = $0.state.retire(replica.id) }
    }

    /// Forgets replicas that are out of service.
    package func discard(_ replicas: [Replica]) {
        guarded.withLockedValue { guarded in
            for replica in replicas { guarded.replicas[replica.id] = nil }
        }
    }

    /// Lets new calls wait until ``resume()`` or ``install(_:of:)``. Those that run go on.
    package func hold() {
        guarded.withLockedValue { $0.state.hold() }
    }

    /// Lets calls go on as before ``hold()``.
    package func resume() {
        guarded.withLockedValue { $0.state.resume() }
        startWhatCanBegin()
    }

    // MARK: Waiting

    /// Waits until replicas that get no new calls have finished the ones they have.
    ///
    /// - Throws: ``PluginError`` with the code `timedOut`.
    package func drained(
        _ replicas: [Replica], within timeout: Duration
    ) async throws(PluginError) {
        try await idle(Set(replicas.map(\.id)), within: timeout)
    }

    /// Refuses new calls, and waits until those admitted are finished or the time is up; then refuses what waits.
    ///
    /// - Returns: whether all of them were finished.
    package func close(within timeout: Duration) async -> Bool {
        let limit = TimeLimit(timeout)
        let (stranded, reason) = guarded.withLockedValue { guarded in
            (guarded.state.drain(), guarded.state.refusal)
        }
        responses.fail(stranded) { _ in reason }
        startWhatCanBegin()
        let wasIdle: Bool
        do throws(PluginError) {
            try await idle(nil, within: limit.left)
            wasIdle = true
        } catch {
            wasIdle = false
        }
        let (refused, refusal) = guarded.withLockedValue { guarded in
            let refused = guarded.state.close()
            setTimer(&guarded)
            return (refused, guarded.state.refusal)
        }
        responses.fail(refused) { _ in refusal }
        let given = Promise<Void>()
        responses.whenGiven { given.fulfil() }
        // A stage that hangs on the way keeps nobody.
        await given.isFulfilled(within: limit.left)
        return wasIdle
    }

    /// Lets a backend that was closed wait for replicas again.
    package func reopen() {
        guarded.withLockedValue { $0.state.reopen() }
    }

    private func idle(
        _ replicas: Set<ReplicaID>?, within timeout: Duration
    ) async throws(PluginError) {
        let waiter = Waiter(replicas: replicas, idle: Promise())
        guarded.withLockedValue { $0.waiters.append(waiter) }
        wakeWaiters()
        defer { guarded.withLockedValue { $0.waiters.removeAll { $0.idle === waiter.idle } } }
        guard await waiter.idle.isFulfilled(within: timeout) else {
            throw .timedOut("a call to \(tag)", after: timeout)
        }
    }

    func wakeWaiters() {
        let satisfied = guarded.withLockedValue {
            $0.waiters.isEmpty ? [] : $0.takeSatisfiedWaiters()
        }
        for idle in satisfied { idle.fulfil() }
    }
}

extension Backend.Guarded {
    fileprivate mutating func takeSatisfiedWaiters() -> [Promise<Void>] {
        var satisfied: [Promise<Void>] = []
        waiters.removeAll { waiter in
            let isSatisfied = waiter.replicas.map { state.areIdle($0) } ?? state.isIdle
            if isSatisfied { satisfied.append(waiter.idle) }
            return isSatisfied
        }
        return satisfied
    }
}
