package import HostPlugins
package import Logging
package import NIOCore
internal import Synchronization

/// A deployment of a plugin under a tag: its replicas, the calls that wait for them, and the limits on both.
///
/// Lives across reloads: generations come and go underneath, and calls that wait meanwhile don't notice. All functions
/// may be called from any thread, and none blocks, except that an inline method runs in ``submit(_:)``.
package final class Backend: Sendable {
    package let tag: String
    package let requestTimeout: Duration?
    private let logger: Logger
    /// Wakes the backend for deadlines and batches that are due.
    private let timer: any EventLoop
    private let guarded: Mutex<Guarded>
    private let lateFinishes = Atomic<Int>(0)

    fileprivate struct Guarded: ~Copyable {
        var state: BackendState
        var replicas: [ReplicaID: Replica] = [:]
        var waiters: [Waiter] = []
        /// When the timer fires next.
        var armed = NIODeadline.distantFuture
    }

    /// Somebody who waits until replicas, or the whole backend, have nothing to do.
    fileprivate struct Waiter {
        let replicas: Set<ReplicaID>?
        let outcome: Outcome<Void>
    }

    package init(tag: String, settings: BackendSettings, timer: any EventLoop, logger: Logger) {
        self.tag = tag
        self.timer = timer
        self.logger = logger
        requestTimeout = settings.requestTimeout
        guarded = Mutex(Guarded(state: BackendState(tag: tag, settings: settings)))
    }

    // MARK: Calls

    /// Admits a call or refuses it. The caller gets the answer later, or in here.
    package func submit(_ call: Call) {
        let now = NIODeadline.now()
        let (admission, target, tick) = guarded.withLock { guarded in
            let admission = guarded.state.admit(call, at: now)
            return (admission, guarded.target(of: admission), guarded.armIfNeeded())
        }
        if let tick { arm(tick) }
        switch admission {
        case .refused(let error): call.answer(.failure(error))
        case .admitted(nil): break
        case .admitted(let assignment?): start(assignment, on: target!)
        }
    }

    /// Takes a call out of the queue; its caller wants no answer.
    func forget(_ call: Call) {
        guarded.withLock { guarded in
            guarded.state.remove(call)
        }
        wakeWaiters()
    }

    /// The plugin has let go of a call.
    ///
    /// - Parameter inTime: whether anybody waited for the answer.
    func pluginFinished(_ call: Call, inTime: Bool) {
        if !inTime { lateFinishes.add(1, ordering: .relaxed) }
        let freedReplica = guarded.withLock { $0.state.finishedLater(call) }
        if freedReplica { startWhatCanBegin() }
    }

    private func start(_ assignment: BackendState.Assignment, on replica: Replica) {
        guard assignment.thread != nil else {
            runInline(assignment, on: replica)
            return
        }
        replica.run(assignment, backend: self)
    }

    private func runInline(_ assignment: BackendState.Assignment, on replica: Replica) {
        let start = NIODeadline.now()
        replica.invoke(assignment)
        let end = NIODeadline.now()
        let demoted = guarded.withLock { guarded in
            guarded.state.recordInline(assignment, took: end - start)
        }
        if let demoted {
            logger.warning(
                """
                method \(demoted) is marked INLINE and took \((end - start).nanoseconds / 1_000) us; \
                from now on it runs on a replica thread
                """)
        }
        if let next = returned(assignment) { self.start(next.0, on: next.1) }
    }

    /// An `invoke` has returned.
    ///
    /// - Returns: work for the same thread, and where it belongs.
    func returned(
        _ assignment: BackendState.Assignment
    ) -> (BackendState.Assignment, Replica)? {
        let now = NIODeadline.now()
        let (next, replica, tick, hasWaiters) = guarded.withLock { guarded in
            let next = guarded.state.returned(assignment, at: now)
            let replica = next.flatMap { guarded.replicas[$0.replica] }
            return (next, replica, guarded.armIfNeeded(), !guarded.waiters.isEmpty)
        }
        if let tick { arm(tick) }
        if hasWaiters { wakeWaiters() }
        return next.map { ($0, replica!) }
    }

    private func startWhatCanBegin() {
        while true {
            let now = NIODeadline.now()
            let (assignment, replica, tick) = guarded.withLock { guarded in
                let assignment = guarded.state.nextAssignment(at: now)
                return (
                    assignment, assignment.flatMap { guarded.replicas[$0.replica] },
                    guarded.armIfNeeded()
                )
            }
            if let tick { arm(tick) }
            guard let assignment else { break }
            start(assignment, on: replica!)
        }
        wakeWaiters()
    }

    // MARK: Time

    private func arm(_ deadline: NIODeadline) {
        timer.scheduleTask(deadline: deadline) { [weak self] in self?.tick() }
    }

    private func tick() {
        let now = NIODeadline.now()
        let (expired, next) = guarded.withLock { guarded in
            guarded.armed = .distantFuture
            let expired = guarded.state.tick(at: now)
            return (expired, guarded.armIfNeeded())
        }
        if let next { arm(next) }
        for call in expired {
            call.answer(
                .failure(
                    DispatchError(.deadlineExceeded, "\(tag) did not answer before the deadline")))
        }
        startWhatCanBegin()
    }

    // MARK: Generations

    /// Puts replicas into service, in place of those in service before; calls that were held go on.
    ///
    /// - Returns: once the change is made. The old replicas may still be finishing calls: ``drained(_:within:)``.
    package func install(_ set: ReplicaSet) {
        let refused = guarded.withLock { guarded in
            for replica in set.replicas { guarded.replicas[replica.id] = replica }
            return guarded.state.install(
                set.replicas.map(\.id), of: set.generation.descriptor)
        }
        for (call, error) in refused { call.answer(.failure(error)) }
        startWhatCanBegin()
    }

    /// Lets new calls wait until ``resume()`` or ``install(_:)``. Those that run go on.
    package func hold() {
        guarded.withLock { $0.state.hold() }
    }

    /// Lets calls go on as before ``hold()``.
    package func resume() {
        guarded.withLock { $0.state.resume() }
        startWhatCanBegin()
    }

    /// Waits until replicas that get no new calls have finished the ones they have.
    ///
    /// - Throws: ``PluginError`` with the code `timedOut`.
    package func drained(_ set: ReplicaSet, within timeout: Duration) async throws(PluginError) {
        try await idle(
            Set(set.replicas.map(\.id)), what: "a call of generation \(set.generation.number)",
            within: timeout)
    }

    /// Forgets replicas that are out of service.
    package func discard(_ set: ReplicaSet) {
        guarded.withLock { guarded in
            for replica in set.replicas { guarded.replicas[replica.id] = nil }
        }
    }

    /// Refuses new calls, and waits until those admitted are finished or the time is up; then refuses what waits.
    ///
    /// - Returns: whether all of them were finished.
    package func close(within timeout: Duration) async -> Bool {
        guarded.withLock { $0.state.drain() }
        let wasIdle: Bool
        do throws(PluginError) {
            try await idle(nil, what: "a call", within: timeout)
            wasIdle = true
        } catch {
            wasIdle = false
        }
        let (refused, refusal) = guarded.withLock { guarded in
            (guarded.state.close(), guarded.state.refusal)
        }
        for call in refused { call.answer(.failure(refusal)) }
        return wasIdle
    }

    private func idle(
        _ replicas: Set<ReplicaID>?, what: String, within timeout: Duration
    ) async throws(PluginError) {
        let waiter = Waiter(replicas: replicas, outcome: Outcome())
        guarded.withLock { $0.waiters.append(waiter) }
        wakeWaiters()
        defer { guarded.withLock { $0.waiters.removeAll { $0.outcome === waiter.outcome } } }
        try await waiter.outcome.wait(for: what, timeout: timeout)
    }

    private func wakeWaiters() {
        let satisfied = guarded.withLock { guarded in
            guarded.waiters.isEmpty ? [] : guarded.takeSatisfiedWaiters()
        }
        for outcome in satisfied { outcome.settle(.success(())) }
    }

    // MARK: Looking

    package struct Status: Sendable {
        package var waiting: Int
        package var running: Int
        /// Calls that the plugin finished after they had been answered.
        package var lateFinishes: Int
        /// Methods marked INLINE that overstayed and run on replica threads now.
        package var demotedMethods: [String]
    }

    package var status: Status {
        let lateFinishes = lateFinishes.load(ordering: .relaxed)
        return guarded.withLock { guarded in
            Status(
                waiting: guarded.state.waitingCount, running: guarded.state.runningCount,
                lateFinishes: lateFinishes, demotedMethods: guarded.state.demotedMethods)
        }
    }
}

extension Backend.Guarded {
    fileprivate func target(of admission: BackendState.Admission) -> Replica? {
        guard case .admitted(let assignment?) = admission else { return nil }
        return replicas[assignment.replica]
    }

    /// The deadline to arm the timer for, if it has to fire earlier than it will.
    fileprivate mutating func armIfNeeded() -> NIODeadline? {
        guard state.nextTick < armed else { return nil }
        armed = state.nextTick
        return armed
    }

    fileprivate mutating func takeSatisfiedWaiters() -> [Outcome<Void>] {
        var satisfied: [Outcome<Void>] = []
        waiters.removeAll { waiter in
            let isSatisfied = waiter.replicas.map { state.areIdle($0) } ?? state.isIdle
            if isSatisfied { satisfied.append(waiter.outcome) }
            return isSatisfied
        }
        return satisfied
    }
}
