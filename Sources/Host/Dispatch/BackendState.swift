internal import HostCore
internal import NIOCore

/// Which calls wait, which run where, and what is to be done next. Pure: no threads, no clock, no plugin.
///
///              install               drain          close
///     empty ───────────▶ serving ───────────▶ draining ───▶ closed ──reopen──▶ empty
///                        ▲     │ hold
///         resume, install│     ▼
///                         held
///
/// - empty: no replicas yet; calls are refused.
/// - serving: calls are admitted and run.
/// - held: calls are admitted and wait; a reload hands state over meanwhile.
/// - draining: calls are refused; those admitted run to the end.
/// - closed: everything is refused.
struct BackendState {
    enum Phase {
        case empty, serving, held, draining, closed
    }

    /// A method of the present generation.
    struct Method {
        let name: String
        let isBatchable: Bool
        let isAsync: Bool
        /// Whether nothing else may run on its replica beside it.
        let isAlone: Bool
        let isIdempotent: Bool
        let preferredBatchSize: Int?
        var isInline: Bool
        var wasDemoted = false
        var budget = InlineBudget()
        var pace = CallPace()
    }

    /// How long an inline call kept an I/O thread.
    struct InlineStay {
        let duration: TimeAmount
        /// Whether it was long by its own doing; nil when that was not looked at.
        let isOwnDoing: Bool?
    }

    enum Admission {
        case refused(DispatchError)
        /// The call waits, or is part of the assignment.
        case admitted(Assignment?)
    }

    let tag: String
    private(set) var settings: BackendSettings
    private(set) var phase = Phase.empty
    private(set) var methods: [Method] = []
    var queue = CallQueue()
    var slots: [ReplicaSlot] = []
    /// Replicas that get no new calls and have not finished the ones they have.
    var retiring: [ReplicaSlot] = []
    /// A moment before which no running call reaches its deadline, or counts as hung. It is exact after a tick; a call
    /// that is answered doesn't move it.
    var nextRunningDeadline = NIODeadline.distantFuture
    /// When the replicas are asked for their health; never, if the plugin can't tell.
    var nextHealthCheck = NIODeadline.distantFuture
    /// Whether a replica that was lost is being replaced: calls wait for it. If not, and there is no other, they are
    /// refused.
    private(set) var expectsReplica = true
    /// The calls that the replicas in the rotation run. Those of retired ones are no load that others could take.
    var runningCalls = 0
    private var load = OngoingLoad()
    /// Whether health checks may run beside calls.
    private(set) var isReentrant = false
    /// Whether the workers run several calls one after the other that they are given at once.
    private var carriesCalls = false
    /// Whether some methods have their replica for themselves and others don't.
    private(set) var isMixed = false
    private var indices: [String: Int] = [:]
    private var nextInvocation: UInt64 = 0

    init(tag: String, settings: BackendSettings) {
        self.tag = tag
        self.settings = settings
    }

    // MARK: Calls

    /// Whether a call is admitted, if the queue has room for it.
    var takesCalls: Bool {
        (phase == .serving || phase == .held) && (!slots.isEmpty || expectsReplica)
    }

    /// - Parameter key: the call's batch key.
    mutating func admit(_ call: Call, key: UInt64 = CallQueue.noKey, at now: NIODeadline)
        -> Admission
    {
        defer { noteLoad(at: now) }
        switch phase {
        case .empty, .closed, .draining: return .refused(refusal)
        case .serving, .held: break
        }
        guard !slots.isEmpty || expectsReplica else { return .refused(noReplica) }
        guard let method = methodIndex(named: call.method) else {
            return .refused(unknownMethod(call.method))
        }

        let isInline = methods[method].isInline && call.mayRunInline
        // One that nothing waits before, and that waits for no others, needs no place in the queue.
        if queue.count == 0, phase == .serving, isInline || queue.batching[method].wait == .zero,
            let slot = freeSlot(for: method, avoiding: call.avoided)
        {
            return .admitted(
                begin(CallBatch(call), method: method, slot: slot, inline: isInline, at: now))
        }
        guard queue.count < settings.maxQueuedRequests else {
            return .refused(
                DispatchError(
                    .queueFull,
                    "\(queue.count) calls are waiting for \(tag), which is all that "
                        + "max_queued_requests allows; try again later"))
        }
        queue.append(call, method: method, key: key, at: now)
        // In a queue it is the replicas that choose.
        return .admitted(nextBatch(at: now, avoiding: queue.count == 1 ? call.avoided : nil))
    }

    /// The next work that can begin now, if there is any. Call again until there is none.
    mutating func nextAssignment(at now: NIODeadline) -> Assignment? {
        defer { noteLoad(at: now) }
        if maySeeHealth, let slot = slots.firstIndex(where: \.isReadyForHealthCheck) {
            return beginHealthCheck(slot, at: now)
        }
        return nextBatch(at: now, avoiding: nil)
    }

    /// - Parameter avoided: a replica that gets it only if no other one is free.
    private mutating func nextBatch(
        at now: NIODeadline, avoiding avoided: ReplicaID?
    ) -> Assignment? {
        guard canRun, let method = nextMethod(at: now),
            let slot = freeSlot(for: method, avoiding: avoided)
        else { return nil }
        return beginBatch(slot, at: now)
    }

    /// Takes a call out of the queue if it waits there.
    mutating func remove(_ call: Call) {
        queue.remove(call)
    }

    /// An assignment is done; its thread is free. Of a backend that ``isMixed``, others may be able to begin, too: see
    /// ``nextAssignment(at:)``.
    ///
    /// - Returns: work for the same thread; for any, if the assignment had none.
    mutating func returned(_ done: Assignment, at now: NIODeadline) -> Assignment? {
        defer { noteLoad(at: now) }
        if carriesCalls, case .calls(let method, let calls) = done.work,
            methods.indices.contains(method)
        {
            methods[method].pace.record(now - done.start, calls: calls.count)
        }
        change(done.replica) { $0.returned(done.invocation, thread: done.thread) }
        guard let slot = slots.firstIndex(where: { $0.replica == done.replica }) else { return nil }
        if maySeeHealth, slots[slot].isReadyForHealthCheck {
            return beginHealthCheck(slot, at: now)
        }
        guard canRun, let method = nextMethod(at: now),
            slots[slot].canBegin(alone: methods[method].isAlone)
        else { return nil }
        return beginBatch(slot, at: now)
    }

    /// The plugin has finished a call.
    ///
    /// - Returns: whether that may have freed a replica: true only where calls may outlive their `invoke`; for others
    ///   ``returned(_:at:)`` does that.
    mutating func finishedLater(_ call: Call) -> Bool {
        for index in slots.indices where slots[index].finishedLater(call) {
            runningCalls -= 1
            return true
        }
        for index in retiring.indices where retiring[index].finishedLater(call) {
            dropIdleRetired()
            return true
        }
        return false
    }

    /// Counts the time of an inline call.
    ///
    /// - Returns: the method's name if this call cost it its place on the I/O threads.
    mutating func recordInline(_ done: Assignment, _ stay: InlineStay) -> String? {
        guard case .calls(let method, _) = done.work, methods.indices.contains(method),
            methods[method].isInline,
            methods[method].budget.record(stay.duration, isOwnDoing: stay.isOwnDoing)
        else { return nil }
        methods[method].isInline = false
        methods[method].wasDemoted = true
        return methods[method].name
    }

    /// How many calls waited or ran on average since the last sample; the first one means nothing.
    mutating func sampleLoad(at now: NIODeadline) -> Double {
        let average = load.sample(at: now)
        noteLoad(at: now)
        return average
    }

    mutating func noteLoad(at now: NIODeadline) {
        load.changed(to: queue.count + runningCalls, at: now)
    }

    // MARK: Phases

    mutating func hold() {
        precondition(phase == .serving, "hold while \(phase)")
        phase = .held
    }

    mutating func resume() {
        precondition(phase == .held, "resume while \(phase)")
        phase = .serving
    }

    /// Refuses new calls; those admitted run to the end.
    ///
    /// - Returns: the calls that waited, to be refused, if there is no replica: there won't be one any more.
    @discardableResult
    mutating func drain() -> [Call] {
        if phase != .closed { phase = .draining }
        return slots.isEmpty ? queue.takeAll().map(\.call) : []
    }

    /// Refuses everything.
    ///
    /// - Returns: the calls that waited, to be refused.
    mutating func close() -> [Call] {
        phase = .closed
        nextHealthCheck = .distantFuture
        for slot in slots { retire(slot.replica) }
        return queue.takeAll().map(\.call)
    }

    /// A backend that was closed waits for replicas again.
    mutating func reopen() {
        precondition(phase == .closed, "reopen while \(phase)")
        phase = .empty
        expectsReplica = true
    }

    /// Puts a generation's replicas into service; those in service before get no new calls and retire.
    ///
    /// - Parameters:
    ///   - traits: of the generation's methods.
    ///   - isReentrant: whether health checks may run beside calls.
    /// - Returns: calls that wait for a method which the new generation does not have, to be refused.
    mutating func install(
        _ replicas: [ReplicaID], methods traits: [MethodTraits], isReentrant: Bool,
        carriesCalls: Bool = false
    ) -> [(Call, DispatchError)] {
        precondition(phase != .draining && phase != .closed, "install while \(phase)")
        for slot in slots { retire(slot.replica) }
        self.isReentrant = isReentrant
        self.carriesCalls = carriesCalls
        for replica in replicas { add(replica) }

        let waiting = queue.takeAll()
        methods = traits.map { method in
            Method(
                name: method.name, isBatchable: method.isBatchable, isAsync: method.isAsync,
                isAlone: !method.isReentrant, isIdempotent: method.isIdempotent,
                preferredBatchSize: method.preferredBatchSize,
                isInline: method.isInline)
        }
        isMixed = Set(methods.map(\.isAlone)).count > 1
        indices = Dictionary(
            uniqueKeysWithValues: methods.enumerated().map { ($0.element.name, $0.offset) })
        queue = CallQueue(batching: methods.map(batching))
        var refused: [(Call, DispatchError)] = []
        for item in waiting {
            if let method = indices[item.call.method] {
                // Keys are the old generation's: without one, a call is batched with others that have none.
                queue.append(item.call, method: method, key: CallQueue.noKey, at: item.arrival)
            } else {
                refused.append((item.call, unknownMethod(item.call.method)))
            }
        }
        phase = .serving
        expectsReplica = true
        return refused
    }

    /// There will be no replica for some time: what waits and what comes is refused, until one is added.
    ///
    /// - Returns: the calls that waited, to be refused; none while other replicas serve.
    mutating func expectNoReplica() -> [Call] {
        expectsReplica = false
        return slots.isEmpty ? queue.takeAll().map(\.call) : []
    }

    /// Calls wait for a replica, should there be none.
    mutating func expectReplica() {
        expectsReplica = true
    }

    mutating func update(_ settings: BackendSettings) {
        self.settings = settings
        queue.batching = methods.map(batching)
        for index in slots.indices { slots[index].capacity = settings.maxConcurrentQueries }
        nextRunningDeadline = .distantPast
    }

    // MARK: Looking

    /// Methods marked INLINE that overstayed and run on replica threads now.
    var demotedMethods: [String] { methods.filter(\.wasDemoted).map(\.name) }

    /// The refusal for a call that comes in a phase that takes none.
    var refusal: DispatchError {
        switch phase {
        case .empty: DispatchError(.unavailable, "\(tag) has no replica in service yet; try again")
        case .serving, .held, .draining, .closed:
            DispatchError(.unavailable, "\(tag) is being taken out of service")
        }
    }

    /// The refusal for a call that no replica is there for.
    var noReplica: DispatchError {
        DispatchError(.unavailable, "\(tag) has no healthy replica; `backplane list` says why")
    }

    /// Whether one call waits and there is no replica. Of a crowd that waits, only the first need be reported.
    var isFirstWithoutReplica: Bool { slots.isEmpty && queue.count == 1 }

    func methodIndex(named name: String) -> Int? {
        // Short tables are faster read than hashed.
        if methods.count <= 8 { return methods.firstIndex { $0.name == name } }
        return indices[name]
    }

    // MARK: Details

    var canRun: Bool { queue.count > 0 && (phase == .serving || phase == .draining) }

    /// While calls are held, a replica's state may be on its way to another one.
    private var maySeeHealth: Bool { phase == .serving }

    private func unknownMethod(_ name: String) -> DispatchError {
        let known = methods.map(\.name).joined(separator: ", ")
        return DispatchError(.unknownMethod, "\(tag) has no method \(name); it has: \(known)")
    }

    private func batching(_ method: Method) -> CallQueue.Batching {
        let limit = method.isBatchable ? settings.maxBatchSize : 1
        return CallQueue.Batching(
            limit: limit, preferred: method.preferredBatchSize ?? limit,
            wait: limit > 1 ? TimeAmount(settings.batchWaitTimeout) : .zero)
    }

    /// The method whose turn it is. A call that waits for a replica of its own keeps back those behind it: or else they
    /// could overtake it for ever.
    private mutating func nextMethod(at now: NIODeadline) -> Int? {
        queue.nextMethod(at: now, isHurried: phase == .draining)
    }

    /// A replica that can begin an invocation of a method: of two drawn at random, the one that runs less.
    ///
    /// - Parameter avoided: is taken only if no other one is free.
    private func freeSlot(for method: Int, avoiding avoided: ReplicaID?) -> Int? {
        let isAlone = methods[method].isAlone
        if slots.count == 1 { return slots[0].canBegin(alone: isAlone) ? 0 : nil }
        var free = slots.indices.filter { slots[$0].canBegin(alone: isAlone) }
        if let avoided, free.count > 1 { free.removeAll { slots[$0].replica == avoided } }
        guard let first = free.randomElement(), let second = free.randomElement() else {
            return nil
        }
        return slots[first].running.count <= slots[second].running.count ? first : second
    }

    /// Gives a free replica the next batch, if one is ready.
    private mutating func beginBatch(_ slot: Int, at now: NIODeadline) -> Assignment? {
        guard let method = nextMethod(at: now) else { return nil }
        let isCarried = carriesCalls && !methods[method].isAsync
        let most =
            isCarried ? methods[method].pace.share(of: queue.count, replicas: slots.count) : 1
        guard
            let batch = queue.takeBatch(at: now, isHurried: phase == .draining, atMost: most)
        else { return nil }
        return begin(batch.calls, method: batch.method, slot: slot, inline: false, at: now)
    }

    private mutating func begin(
        _ calls: CallBatch, method: Int, slot: Int, inline: Bool, at now: NIODeadline
    ) -> Assignment {
        let isCarried = calls.count > 1 && queue.batching[method].limit == 1
        nextInvocation += 1
        let thread = slots[slot].begin(
            ReplicaSlot.Invocation(
                id: nextInvocation, calls: calls, isAsync: methods[method].isAsync,
                isAlone: methods[method].isAlone),
            inline: inline)
        for call in calls {
            call.begin(
                on: slots[slot].replica, isAsync: methods[method].isAsync,
                isInBatch: calls.count > 1 && !isCarried)
            if let deadline = call.deadline {
                nextRunningDeadline = min(nextRunningDeadline, deadline)
            }
        }
        runningCalls += calls.count
        return Assignment(
            invocation: nextInvocation, replica: slots[slot].replica, thread: thread,
            work: .calls(method: method, calls),
            isWatched: inline && methods[method].budget.isSuspect, isCarried: isCarried, start: now)
    }

    private mutating func beginHealthCheck(_ slot: Int, at now: NIODeadline) -> Assignment {
        nextInvocation += 1
        let thread = slots[slot].beginHealthCheck(nextInvocation, at: now)
        return Assignment(
            invocation: nextInvocation, replica: slots[slot].replica, thread: thread,
            work: .healthCheck)
    }
}
