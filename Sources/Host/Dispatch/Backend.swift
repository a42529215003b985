package import HostCore
internal import HostLogging
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
    /// Who may still send calls here.
    package let users = BackendUsers()
    let logger: Logger
    /// What may happen many times a second.
    let failures: LimitedLog
    /// For the log.
    var pluginName: String? { logger[metadataKey: "plugin"].map { "\($0)" } }
    /// Wakes the backend for deadlines, batches that are due, and health checks. Others' as well: nothing of a plugin
    /// runs there, nor of a stage.
    private let clock: any EventLoop
    /// Who is told what becomes of the calls; nil: nobody.
    let observer: (any CallObserver)?
    let responses: HostResponses
    /// A plain lock, as everywhere in the host: `Synchronization.Mutex` is a priority-inheritance futex, which under
    /// contention is handed to a waiter that has to be scheduled first, and which ThreadSanitizer can't see.
    let guarded: NIOLockedValueBox<Guarded>
    let installationCount = Synchronization.Atomic<Int>(0)
    private let lateFinishes = Synchronization.Atomic<Int>(0)
    /// In nanoseconds; -1: none. Read for each call.
    private let timeout: Synchronization.Atomic<Int64>
    /// Whether the generation in service has batch keys that matter. Read for each call.
    private let usesBatchKeys = Synchronization.Atomic<Bool>(false)

    struct Guarded {
        var state: BackendState
        var source: (any ReplicaSource)?
        var replicas: [ReplicaID: Replica] = [:]
        var waiters: [Waiter] = []
        var timer = TickTimer()
        /// The timer's alarms, as the clock has them.
        var alarms: [TickTimer.Alarm: Scheduled<Void>] = [:]
        var onReplicaLost: @Sendable (Replica, ReplicaLoss) -> Void = { _, _ in }
        var onReplicaWanted: @Sendable () -> Void = {}
    }

    /// Somebody who waits until replicas, or the whole backend, have nothing to do.
    struct Waiter {
        let replicas: Set<ReplicaID>?
        let idle: Promise<Void>
    }

    /// - Parameter timer: an event loop whose clock the backend uses; nothing of a plugin runs on it.
    package init(
        tag: String, settings: BackendSettings, timer: any EventLoop, logger: Logger,
        observer: (any CallObserver)? = nil
    ) {
        self.tag = tag
        self.observer = observer
        clock = timer
        responses = HostResponses(tag: tag)
        self.logger = logger
        failures = LimitedLog(logger)
        timeout = Synchronization.Atomic(Self.nanoseconds(settings.requestTimeout))
        guarded = NIOLockedValueBox(Guarded(state: BackendState(tag: tag, settings: settings)))
    }

    // MARK: Calls

    /// How long a caller waits for its response; nil: for ever.
    package var requestTimeout: TimeAmount? {
        let nanoseconds = timeout.load(ordering: .relaxed)
        return nanoseconds < 0 ? nil : .nanoseconds(nanoseconds)
    }

    /// Admits a call or refuses it. The caller gets the response later, or in here.
    ///
    /// - Parameter wakeups: collects the thread that is to be woken for the call, for whoever has more calls to submit
    ///   right now and wakes them all after the last.
    package func submit(_ call: Call, wakeups: inout WakeupBatch) {
        let key = usesBatchKeys.load(ordering: .relaxed) ? batchKey(of: call) : CallQueue.noKey
        let now = NIODeadline.now()
        let (admission, replica, wantReplica) = guarded.withLockedValue { guarded in
            let admission = guarded.state.admit(call, key: key, at: now)
            // Under the lock: what comes next for the call is told of after this.
            if let observation = call.observation, case .admitted = admission {
                observation.admitted(at: now)
            }
            setTimer(&guarded)
            return (
                admission, guarded.replica(of: admission),
                guarded.state.isFirstWithoutReplica ? guarded.onReplicaWanted : nil
            )
        }
        wantReplica?()
        switch admission {
        case .refused(let error): call.respond(.failure(error))
        case .admitted(nil): break
        case .admitted(let assignment?):
            if assignment.thread == nil {
                runInline(assignment, on: replica!)
            } else {
                tellStart(of: assignment, at: now)
                wakeups.add(replica!.worker.prepare(assignment, of: self))
            }
        }
    }

    /// Admits a call or refuses it. The caller gets the response later, or in here.
    package func submit(_ call: Call) {
        var wakeups = WakeupBatch()
        submit(call, wakeups: &wakeups)
        wakeups.wake()
    }

    /// Takes a call out of the queue; its caller wants no response.
    func forget(_ call: Call) {
        guarded.withLockedValue { $0.state.remove(call) }
        wakeWaiters()
    }

    /// The plugin has let go of a call.
    ///
    /// - Parameters:
    ///   - isAsync: whether it may do so after its method has returned. If not, the replica is free when that returns.
    ///   - inTime: whether anybody waited for the response.
    func pluginFinished(_ call: Call, isAsync: Bool, inTime: Bool) {
        if !inTime { lateFinishes.add(1, ordering: .relaxed) }
        guard isAsync else { return }
        let freedReplica = guarded.withLockedValue { guarded in
            let freedReplica = guarded.state.finishedLater(call)
            if freedReplica { setTimer(&guarded) }
            return freedReplica
        }
        if freedReplica { startWhatCanBegin() }
    }

    /// How many generations have been put into service: what the backend offers is the same as long as this is.
    package var installations: Int { installationCount.load(ordering: .acquiring) }

    /// What its replicas are made of; nil: none have been put into service.
    package var source: (any ReplicaSource)? { guarded.withLockedValue { $0.source } }

    /// Whether the generation in service says that a call to a method which is made again has the effect of one.
    package func isIdempotent(method name: String) -> Bool {
        guarded.withLockedValue { guarded in
            guarded.state.methodIndex(named: name)
                .map { guarded.state.methods[$0].isIdempotent } ?? false
        }
    }

    private func batchKey(of call: Call) -> UInt64 {
        let (source, method) = guarded.withLockedValue { guarded in
            (guarded.source, guarded.state.methodIndex(named: call.method))
        }
        guard let source, let method else { return CallQueue.noKey }
        return source.batchKey(of: call, method: method)
    }

    private func start(_ assignment: Assignment, on replica: Replica) {
        if assignment.thread == nil {
            runInline(assignment, on: replica)
        } else {
            tellStart(of: assignment, at: .now())
            replica.worker.prepare(assignment, of: self)?.wake()
        }
    }

    fileprivate func tellStart(of assignment: Assignment, at now: @autoclosure () -> NIODeadline) {
        guard observer != nil else { return }
        let (now, calls) = (now(), assignment.calls)
        for call in calls { call.observation?.started(at: now, batchSize: calls.count) }
    }

    private func runInline(_ assignment: Assignment, on replica: Replica) {
        for call in assignment.calls { call.keepResponse() }
        let usage = assignment.isWatched ? ThreadUsage.now() : nil
        let start = NIODeadline.now()
        tellStart(of: assignment, at: start)
        replica.worker.runInline(assignment, of: self)
        let end = NIODeadline.now()
        let stay = BackendState.InlineStay(
            duration: end - start,
            isOwnDoing: usage.map {
                end - start > InlineBudget.limit
                    && ThreadUsage.now().exceeds(InlineBudget.limit, since: $0)
            })
        for call in assignment.calls { call.passResponseOn() }
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

    fileprivate func returned(
        _ assignment: Assignment, at now: NIODeadline,
        inline stay: BackendState.InlineStay?
    ) -> (demoted: String?, next: (Assignment, Replica)?) {
        let (demoted, next, replica, hasWaiters, isMixed) = guarded.withLockedValue { guarded in
            let demoted = stay.flatMap { guarded.state.recordInline(assignment, $0) }
            let next = guarded.state.returned(assignment, at: now)
            let replica = next.flatMap { guarded.replicas[$0.replica] }
            setTimer(&guarded)
            return (demoted, next, replica, !guarded.waiters.isEmpty, guarded.state.isMixed)
        }
        // One that had its replica for itself makes room for several.
        if isMixed { startWhatCanBegin() } else if hasWaiters { wakeWaiters() }
        return (demoted, next.map { ($0, replica!) })
    }

    func startWhatCanBegin() {
        while true {
            let now = NIODeadline.now()
            let (assignment, replica) = guarded.withLockedValue { guarded in
                let assignment = guarded.state.nextAssignment(at: now)
                let replica = assignment.flatMap { guarded.replicas[$0.replica] }
                setTimer(&guarded)
                return (assignment, replica)
            }
            guard let assignment else { break }
            start(assignment, on: replica!)
        }
        wakeWaiters()
    }

    // MARK: Time

    /// Sees to it that the timer rings for the state's next event. To be called under the lock, after each change.
    ///
    /// What is scheduled holds the backend, at the longest until a call's deadline: a weak reference would make every
    /// retain of it slow. When the backend is closed and runs nothing, nothing is scheduled.
    func setTimer(_ guarded: inout Guarded) {
        if guarded.state.isOver {
            for alarm in guarded.timer.stop() {
                guarded.alarms.removeValue(forKey: alarm)?.cancel()
            }
            return
        }
        guard let change = guarded.timer.expect(guarded.state.nextTick) else { return }
        if let cancelled = change.cancelled {
            guarded.alarms.removeValue(forKey: cancelled)?.cancel()
        }
        let alarm = change.set
        // Bound: two at most; see `TickTimer`.
        guarded.alarms[alarm] = clock.scheduleTask(deadline: alarm.time) { self.ring(alarm) }
    }

    private func ring(_ alarm: TickTimer.Alarm) {
        let now = NIODeadline.now()
        let found = guarded.withLockedValue { guarded in
            guarded.alarms[alarm] = nil
            guard guarded.timer.rang(alarm) else {
                return nil as (due: BackendState.Due, hung: [Replica], stuck: [Replica])?
            }
            let due = guarded.state.tick(at: now)
            return (
                due, due.hung.compactMap { guarded.replicas[$0] },
                due.stuck.compactMap { guarded.replicas[$0] }
            )
        }
        guard let (due, hung, stuck) = found else { return }
        responses.fail(due.expired) { [tag] call in
            DispatchError(
                .deadlineExceeded, "\(tag) did not answer before the deadline",
                cause: call.isShortened ? CallersDeadline() : nil)
        }
        for replica in hung {
            lose(replica, "a call went on after its deadline")
            replica.worker.callHangs()
        }
        for replica in stuck { lose(replica, "its health check did not return") }
        startWhatCanBegin()
    }

    /// Tells whoever replaces replicas that one has left the rotation.
    func lose(_ replica: Replica, _ reason: String, isDeath: Bool = false) {
        let report = guarded.withLockedValue { $0.onReplicaLost }
        logger.error(
            "replica \(replica.index) leaves the rotation: \(reason)",
            metadata: ["replica": "\(replica.index)"])
        report(replica, ReplicaLoss(reason: reason, isDeath: isDeath))
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
        let (source, size) = guarded.withLockedValue { guarded in
            (guarded.source, guarded.state.settings.maxBatchSize)
        }
        let uses = size > 1 && source?.hasBatchKeys == true
        usesBatchKeys.store(uses, ordering: .relaxed)
    }

    func scheduleHealthChecks() {
        let tellsHealth = source?.tellsHealth == true
        guarded.withLockedValue { guarded in
            guarded.state.scheduleHealthChecks(tellsHealth, at: .now())
            setTimer(&guarded)
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

    /// Whether a call that comes now is answered, and be it by a replica that has yet to be made for it.
    package var takesCalls: Bool { guarded.withLockedValue { $0.state.takesCalls } }

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
}

extension Backend: CallTarget {}

extension Backend: AssignmentOwner {
    package func returned(_ assignment: Assignment) -> Assignment? {
        let now = NIODeadline.now()
        let next = returned(assignment, at: now, inline: nil).next?.0
        if let next { tellStart(of: next, at: now) }
        return next
    }

    package func healthChecked(_ replica: ReplicaID, _ error: PluginError?) {
        let (index, isLost) = guarded.withLockedValue { guarded in
            (
                guarded.replicas[replica]?.index,
                guarded.state.recordHealth(replica, isHealthy: error == nil)
            )
        }
        if let error {
            failures.log(
                LineBudget.Kind("failed health checks"), error.message,
                metadata: ["replica": index.map { "\($0)" }].compactMapValues { $0 })
        }
        guard isLost, let lost = guarded.withLockedValue({ $0.replicas[replica] }) else { return }
        lose(lost, error?.message ?? "")
    }
}
