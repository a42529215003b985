internal import HostPlugins
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import Synchronization

/// A deployment of a plugin under a tag: its replicas, the calls that wait for them, and the limits on both.
///
/// Lives across reloads: generations come and go underneath, and calls that wait meanwhile don't notice. All functions
/// may be called from any thread, and none blocks, except that an inline method runs in ``submit(_:)``.
package final class Backend: Sendable {
    package let tag: String
    let logger: Logger
    /// Wakes the backend for deadlines, batches that are due, and health checks.
    private let timer: any EventLoop
    /// A plain lock, as everywhere in the host: `Synchronization.Mutex` is a priority-inheritance futex, which under
    /// contention is handed to a waiter that has to be scheduled first, and which ThreadSanitizer can't see.
    let guarded: NIOLockedValueBox<Guarded>
    private let lateFinishes = Synchronization.Atomic<Int>(0)
    /// In nanoseconds; -1: none. Read for each call.
    private let timeout: Synchronization.Atomic<Int64>
    /// Whether the generation in service has batch keys that matter. Read for each call.
    private let usesBatchKeys = Synchronization.Atomic<Bool>(false)

    struct Guarded {
        var state: BackendState
        var generation: PluginGeneration?
        var replicas: [ReplicaID: Replica] = [:]
        var waiters: [Waiter] = []
        /// When the timer fires next.
        var armed = NIODeadline.distantFuture
        var healthChecks: RepeatedTask?
        var onReplicaLost: @Sendable (Replica, String) -> Void = { _, _ in }
        var onReplicaWanted: @Sendable () -> Void = {}
    }

    /// Somebody who waits until replicas, or the whole backend, have nothing to do.
    struct Waiter {
        let replicas: Set<ReplicaID>?
        let outcome: Outcome<Void>
    }

    /// - Parameter timer: an event loop whose clock the backend uses; nothing of a plugin runs on it.
    package init(tag: String, settings: BackendSettings, timer: any EventLoop, logger: Logger) {
        self.tag = tag
        self.timer = timer
        self.logger = logger
        timeout = Synchronization.Atomic(Self.nanoseconds(settings.requestTimeout))
        guarded = NIOLockedValueBox(Guarded(state: BackendState(tag: tag, settings: settings)))
    }

    // MARK: Calls

    /// How long a caller waits for its answer; nil: for ever.
    package var requestTimeout: TimeAmount? {
        let nanoseconds = timeout.load(ordering: .relaxed)
        return nanoseconds < 0 ? nil : .nanoseconds(nanoseconds)
    }

    /// Admits a call or refuses it. The caller gets the answer later, or in here.
    ///
    /// - Parameter wakeups: collects the thread that is to be woken for the call, for whoever has more calls to submit
    ///   right now and wakes them all after the last.
    package func submit(_ call: Call, wakeups: inout WakeupBatch) {
        let key = usesBatchKeys.load(ordering: .relaxed) ? batchKey(of: call) : CallQueue.noKey
        let now = NIODeadline.now()
        let (admission, replica, tick, wantReplica) = guarded.withLockedValue { guarded in
            let admission = guarded.state.admit(call, key: key, at: now)
            return (
                admission, guarded.replica(of: admission), guarded.armIfNeeded(),
                guarded.state.isFirstWithoutReplica ? guarded.onReplicaWanted : nil
            )
        }
        if let tick { arm(tick) }
        wantReplica?()
        switch admission {
        case .refused(let error): call.answer(.failure(error))
        case .admitted(nil): break
        case .admitted(let assignment?):
            if assignment.thread == nil {
                runInline(assignment, on: replica!)
            } else {
                wakeups.add(replica!.prepare(assignment, backend: self))
            }
        }
    }

    /// Admits a call or refuses it. The caller gets the answer later, or in here.
    package func submit(_ call: Call) {
        var wakeups = WakeupBatch()
        submit(call, wakeups: &wakeups)
        wakeups.wake()
    }

    /// Takes a call out of the queue; its caller wants no answer.
    func forget(_ call: Call) {
        guarded.withLockedValue { $0.state.remove(call) }
        wakeWaiters()
    }

    /// The plugin has let go of a call.
    ///
    /// - Parameter inTime: whether anybody waited for the answer.
    func pluginFinished(_ call: Call, inTime: Bool) {
        if !inTime { lateFinishes.add(1, ordering: .relaxed) }
        let freedReplica = guarded.withLockedValue { $0.state.finishedLater(call) }
        if freedReplica { startWhatCanBegin() }
    }

    private func batchKey(of call: Call) -> UInt64 {
        let (generation, method) = guarded.withLockedValue { guarded in
            (guarded.generation, guarded.state.methodIndex(named: call.method))
        }
        guard let generation, let method else { return CallQueue.noKey }
        return generation.batchKey(of: call, method: method)
    }

    private func start(_ assignment: BackendState.Assignment, on replica: Replica) {
        if assignment.thread == nil {
            runInline(assignment, on: replica)
        } else {
            replica.prepare(assignment, backend: self).wake()
        }
    }

    private func runInline(_ assignment: BackendState.Assignment, on replica: Replica) {
        let usage = assignment.isWatched ? ThreadUsage.now() : nil
        let start = NIODeadline.now()
        replica.execute(assignment, backend: self)
        let end = NIODeadline.now()
        let stay = BackendState.InlineStay(
            duration: end - start,
            isOwnDoing: usage.map { ThreadUsage.now().exceeds(InlineBudget.limit, since: $0) })
        let (demoted, next) = returned(assignment, at: end, inline: stay)
        if let demoted {
            logger.warning(
                """
                method \(demoted) is marked INLINE and took \(stay.duration.nanoseconds / 1_000) us; \
                from now on it runs on a replica thread
                """)
        }
        if let (next, replica) = next { self.start(next, on: replica) }
    }

    /// An assignment is done.
    ///
    /// - Returns: work for the same thread, and its replica.
    func returned(
        _ assignment: BackendState.Assignment
    ) -> (BackendState.Assignment, Replica)? {
        returned(assignment, at: .now(), inline: nil).next
    }

    private func returned(
        _ assignment: BackendState.Assignment, at now: NIODeadline,
        inline stay: BackendState.InlineStay?
    ) -> (demoted: String?, next: (BackendState.Assignment, Replica)?) {
        let (demoted, next, replica, tick, hasWaiters) = guarded.withLockedValue { guarded in
            let demoted = stay.flatMap { guarded.state.recordInline(assignment, $0) }
            let next = guarded.state.returned(assignment, at: now)
            let replica = next.flatMap { guarded.replicas[$0.replica] }
            return (demoted, next, replica, guarded.armIfNeeded(), !guarded.waiters.isEmpty)
        }
        if let tick { arm(tick) }
        if hasWaiters { wakeWaiters() }
        return (demoted, next.map { ($0, replica!) })
    }

    func startWhatCanBegin() {
        while true {
            let now = NIODeadline.now()
            let (assignment, replica, tick) = guarded.withLockedValue { guarded in
                let assignment = guarded.state.nextAssignment(at: now)
                let replica = assignment.flatMap { guarded.replicas[$0.replica] }
                return (assignment, replica, guarded.armIfNeeded())
            }
            if let tick { arm(tick) }
            guard let assignment else { break }
            start(assignment, on: replica!)
        }
        wakeWaiters()
    }

    // MARK: Time

    /// The task holds the backend, at the longest until the deadline: a weak reference would make every retain of it
    /// slow.
    private func arm(_ deadline: NIODeadline) {
        timer.scheduleTask(deadline: deadline) { self.tick() }
    }

    private func tick() {
        let now = NIODeadline.now()
        let (due, hung, next) = guarded.withLockedValue { guarded in
            guarded.armed = .distantFuture
            let due = guarded.state.tick(at: now)
            return (due, due.hung.compactMap { guarded.replicas[$0] }, guarded.armIfNeeded())
        }
        if let next { arm(next) }
        for call in due.expired {
            call.answer(
                .failure(
                    DispatchError(
                        .deadlineExceeded, "\(tag) did not answer before the deadline",
                        cause: call.isShortened ? CallersDeadline() : nil)))
        }
        for replica in hung { lose(replica, "a call went on after its deadline") }
        startWhatCanBegin()
    }

    /// Tells whoever replaces replicas that one has left the rotation.
    func lose(_ replica: Replica, _ reason: String) {
        let report = guarded.withLockedValue { $0.onReplicaLost }
        logger.error(
            "replica \(replica.index) leaves the rotation: \(reason)",
            metadata: ["replica": "\(replica.index)"])
        report(replica, reason)
    }

    // MARK: Settings

    /// Changes the limits at once; calls that wait are under the new ones. `num_replicas` and `user_config` are for
    /// whoever makes the replicas.
    package func update(_ settings: BackendSettings) {
        timeout.store(Self.nanoseconds(settings.requestTimeout), ordering: .relaxed)
        guarded.withLockedValue { $0.state.update(settings) }
        updateBatchKeys()
        scheduleHealthChecks()
        startWhatCanBegin()
    }

    func updateBatchKeys() {
        let uses = guarded.withLockedValue { guarded in
            guarded.state.settings.maxBatchSize > 1 && guarded.generation?.hasBatchKeys == true
        }
        usesBatchKeys.store(uses, ordering: .relaxed)
    }

    func scheduleHealthChecks() {
        guarded.withLockedValue { guarded in
            guarded.healthChecks?.cancel()
            guarded.healthChecks = nil
            guard guarded.generation?.tellsHealth == true, guarded.state.phase != .closed else {
                return
            }
            let period = TimeAmount(guarded.state.settings.healthCheckPeriod)
            guarded.healthChecks = timer.scheduleRepeatedTask(
                initialDelay: period, delay: period
            ) { _ in self.requestHealthChecks() }
        }
    }

    private static func nanoseconds(_ duration: Duration?) -> Int64 {
        duration.map { TimeAmount($0).nanoseconds } ?? -1
    }

    // MARK: Looking

    package struct Status: Sendable {
        package var waiting: Int
        package var running: Int
        /// Replicas in the rotation.
        package var replicas: Int
        /// Calls that the plugin finished after they had been answered.
        package var lateFinishes: Int
        /// Methods marked INLINE that overstayed and run on replica threads now.
        package var demotedMethods: [String]
    }

    package var status: Status {
        let lateFinishes = lateFinishes.load(ordering: .relaxed)
        return guarded.withLockedValue { guarded in
            Status(
                waiting: guarded.state.queue.count, running: guarded.state.runningCount,
                replicas: guarded.state.slots.count, lateFinishes: lateFinishes,
                demotedMethods: guarded.state.demotedMethods)
        }
    }
}

extension Backend.Guarded {
    fileprivate func replica(of admission: BackendState.Admission) -> Replica? {
        guard case .admitted(let assignment?) = admission else { return nil }
        return replicas[assignment.replica]
    }

    /// The deadline to arm the timer for, if it has to fire earlier than it will.
    fileprivate mutating func armIfNeeded() -> NIODeadline? {
        guard state.nextTick < armed else { return nil }
        armed = state.nextTick
        return armed
    }
}
