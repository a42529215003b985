internal import DequeModule
internal import HostPlugins
internal import NIOCore

/// Which calls wait, which run where, and what is to be done next. Pure: no threads, no clock, no plugin.
///
///              install               close
///     empty ───────────▶ serving ───────────▶ draining ───▶ closed
///                        ▲     │ hold                  close again
///          resume/replace│     ▼
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

    /// A method of the present generation with the calls that wait for it.
    struct Method {
        let index: Int
        let name: String
        let isBatchable: Bool
        let isAsync: Bool
        var isInline: Bool
        var wasDemoted = false
        var budget = InlineBudget()
        var waiting: Deque<Waiting> = []
    }

    struct Waiting {
        let call: Call
        let arrival: NIODeadline
    }

    /// A replica as the dispatcher sees it: how much it may run, and what it runs.
    struct Slot {
        let replica: ReplicaID
        /// How many invocations may run at once.
        let capacity: Int
        var running: [Invocation] = []
        /// Threads without work, the one that stopped last at the end: its caches are warm.
        var idleThreads: [Int] = [0]
        var threadCount = 1
    }

    /// One `invoke` that has begun and not ended: it ends when it has returned and, for a method that finishes calls
    /// later, its calls are finished.
    struct Invocation {
        let id: UInt64
        let calls: [Call]
        let isAsync: Bool
        var unfinished: Int
        var hasReturned = false
    }

    /// Work for a thread of a replica.
    struct Assignment {
        let invocation: UInt64
        let replica: ReplicaID
        /// nil: the thread that submits the call, for an inline method.
        let thread: Int?
        let isNewThread: Bool
        let method: Int
        let calls: [Call]
    }

    enum Admission {
        case refused(DispatchError)
        /// The call waits, or is part of the assignment.
        case admitted(Assignment?)
    }

    let tag: String
    var settings: BackendSettings
    private(set) var phase = Phase.empty
    private(set) var methods: [Method] = []
    private(set) var slots: [Slot] = []
    /// Replicas that get no new calls and have not finished the ones they have.
    private(set) var retiring: [Slot] = []
    private(set) var waitingCount = 0
    /// The earliest moment at which `tick` may have something to do. Never too late; often too early, because a call
    /// that is answered doesn't move it.
    private(set) var nextTick = NIODeadline.distantFuture
    private var indices: [String: Int] = [:]
    private var nextInvocation: UInt64 = 0
    private var asyncInvocations = 0

    init(tag: String, settings: BackendSettings) {
        self.tag = tag
        self.settings = settings
    }

    // MARK: Calls

    mutating func admit(_ call: Call, at now: NIODeadline) -> Admission {
        switch phase {
        case .empty, .closed, .draining: return .refused(refusal)
        case .serving, .held: break
        }
        guard let index = indices[call.method] else { return .refused(unknownMethod(call.method)) }
        if let deadline = call.deadline { nextTick = min(nextTick, deadline) }

        if methods[index].isInline, phase == .serving, waitingCount == 0, let slot = freeSlot(inline: true) {
            return .admitted(begin([call], method: index, slot: slot, inline: true))
        }
        guard waitingCount < settings.maxQueuedRequests else {
            return .refused(
                DispatchError(
                    .queueFull,
                    "\(waitingCount) calls are waiting for \(tag), which is all that "
                        + "max_queued_requests allows; try again later"))
        }
        methods[index].waiting.append(Waiting(call: call, arrival: now))
        waitingCount += 1
        return .admitted(nextAssignment(at: now))
    }

    /// The next work that can begin now, if there is any. Call again until there is none.
    mutating func nextAssignment(at now: NIODeadline) -> Assignment? {
        guard waitingCount > 0, phase == .serving || phase == .draining else { return nil }
        guard let slot = freeSlot(inline: false) else { return nil }
        return assign(slot, at: now)
    }

    /// Takes a call out of the queue if it waits there.
    mutating func remove(_ call: Call) {
        guard let index = indices[call.method],
            let position = methods[index].waiting.firstIndex(where: { $0.call === call })
        else { return }
        methods[index].waiting.remove(at: position)
        waitingCount -= 1
    }

    /// An `invoke` has returned; its thread is free.
    ///
    /// - Returns: work for the same thread.
    mutating func returned(_ done: Assignment, at now: NIODeadline) -> Assignment? {
        end(done.replica, where: { $0.id == done.invocation }) { $0.hasReturned = true }
        guard let slot = slots.firstIndex(where: { $0.replica == done.replica }) else { return nil }
        if let thread = done.thread { slots[slot].idleThreads.append(thread) }
        guard waitingCount > 0, phase == .serving || phase == .draining, canBegin(slots[slot]) else {
            return nil
        }
        return assign(slot, at: now)
    }

    /// The plugin has finished a call.
    ///
    /// - Returns: whether that may have freed a replica: true only where calls may outlive their `invoke`; for others
    ///   it is ``returned(_:at:)`` that does.
    mutating func finishedLater(_ call: Call) -> Bool {
        guard asyncInvocations > 0 else { return false }
        for slot in slots + retiring {
            guard
                let invocation = slot.running.first(where: { running in
                    running.isAsync && running.calls.contains { $0 === call }
                })
            else { continue }
            end(slot.replica, where: { $0.id == invocation.id }) { $0.unfinished -= 1 }
            return true
        }
        return false
    }

    /// Counts the time of an inline call.
    ///
    /// - Returns: the method's name if this call cost it its place on the I/O threads.
    mutating func recordInline(_ done: Assignment, took duration: TimeAmount) -> String? {
        guard methods.indices.contains(done.method), methods[done.method].isInline,
            methods[done.method].budget.record(duration)
        else { return nil }
        methods[done.method].isInline = false
        methods[done.method].wasDemoted = true
        return methods[done.method].name
    }

    /// What is due: calls whose deadline has passed, to be answered. Those that wait leave the queue; those that run
    /// keep their replica busy until the plugin lets go of them.
    mutating func tick(at now: NIODeadline) -> [Call] {
        var expired: [Call] = []
        var next = NIODeadline.distantFuture
        for index in methods.indices {
            guard !methods[index].waiting.isEmpty else { continue }
            var kept: Deque<Waiting> = []
            for waiting in methods[index].waiting {
                if let deadline = waiting.call.deadline, deadline <= now {
                    expired.append(waiting.call)
                } else {
                    kept.append(waiting)
                    next = min(next, waiting.call.deadline ?? .distantFuture)
                }
            }
            waitingCount -= methods[index].waiting.count - kept.count
            methods[index].waiting = kept
            next = min(next, batchDue(methods[index]))
        }
        for call in (slots + retiring).flatMap(\.running).flatMap(\.calls) where !call.isAbandoned {
            guard let deadline = call.deadline else { continue }
            if deadline <= now { expired.append(call) } else { next = min(next, deadline) }
        }
        nextTick = next
        return expired
    }

    // MARK: Generations

    mutating func hold() {
        precondition(phase == .serving, "hold while \(phase)")
        phase = .held
    }

    mutating func resume() {
        precondition(phase == .held, "resume while \(phase)")
        phase = .serving
    }

    /// Puts a generation's replicas into service; those in service before get no new calls and become `retiring`.
    ///
    /// - Returns: calls that wait for a method which the new generation does not have, to be refused.
    mutating func install(
        _ replicas: [ReplicaID], of descriptor: PluginDescriptor
    ) -> [(Call, DispatchError)] {
        precondition(phase != .draining && phase != .closed, "install while \(phase)")
        retiring += slots.filter { !$0.running.isEmpty }
        let capacity = descriptor.isReentrant ? settings.maxConcurrentQueries : 1
        slots = replicas.map { Slot(replica: $0, capacity: capacity) }

        let waiting = methods.flatMap(\.waiting).sorted { $0.arrival < $1.arrival }
        methods = descriptor.methods.enumerated().map { index, method in
            Method(
                index: index, name: method.name, isBatchable: method.isBatchable,
                isAsync: method.isAsync, isInline: method.isInline)
        }
        indices = Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0.index) })
        waitingCount = 0
        var refused: [(Call, DispatchError)] = []
        for item in waiting {
            if let index = indices[item.call.method] {
                methods[index].waiting.append(item)
                waitingCount += 1
            } else {
                refused.append((item.call, unknownMethod(item.call.method)))
            }
        }
        phase = .serving
        return refused
    }

    /// Refuses new calls; those admitted run to the end.
    mutating func drain() {
        if phase != .closed { phase = .draining }
    }

    /// Refuses everything.
    ///
    /// - Returns: the calls that waited, to be refused.
    mutating func close() -> [Call] {
        phase = .closed
        let waiting = methods.flatMap(\.waiting).map(\.call)
        for index in methods.indices { methods[index].waiting = [] }
        waitingCount = 0
        retiring += slots.filter { !$0.running.isEmpty }
        slots = []
        return waiting
    }

    /// Whether none of these replicas runs anything.
    func areIdle(_ replicas: Set<ReplicaID>) -> Bool {
        !(slots + retiring).contains { replicas.contains($0.replica) && !$0.running.isEmpty }
    }

    /// Whether nothing waits and nothing runs.
    var isIdle: Bool {
        waitingCount == 0 && (slots + retiring).allSatisfy(\.running.isEmpty)
    }

    var runningCount: Int { (slots + retiring).reduce(0) { $0 + $1.running.count } }

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

    // MARK: Details

    private func unknownMethod(_ name: String) -> DispatchError {
        let known = methods.map(\.name).joined(separator: ", ")
        return DispatchError(.unknownMethod, "\(tag) has no method \(name); it has: \(known)")
    }

    private func canBegin(_ slot: Slot) -> Bool {
        slot.running.count < slot.capacity
            && (!slot.idleThreads.isEmpty || slot.threadCount < slot.capacity)
    }

    /// A replica that can begin an invocation: of two drawn at random, the one that runs less.
    private func freeSlot(inline: Bool) -> Int? {
        func isFree(_ slot: Slot) -> Bool {
            inline ? slot.running.count < slot.capacity : canBegin(slot)
        }
        if slots.count == 1 { return isFree(slots[0]) ? 0 : nil }
        let free = slots.indices.filter { isFree(slots[$0]) }
        guard let first = free.randomElement(), let second = free.randomElement() else { return nil }
        return slots[first].running.count <= slots[second].running.count ? first : second
    }

    /// Gives a free replica the batch that has waited longest, if one is ready.
    private mutating func assign(_ slot: Int, at now: NIODeadline) -> Assignment? {
        guard let method = readyMethod(at: now) else { return nil }
        let count = min(batchLimit(methods[method]), methods[method].waiting.count)
        let calls = methods[method].waiting.prefix(count).map(\.call)
        methods[method].waiting.removeFirst(count)
        waitingCount -= count
        return begin(calls, method: method, slot: slot, inline: false)
    }

    private mutating func begin(
        _ calls: [Call], method: Int, slot: Int, inline: Bool
    ) -> Assignment {
        nextInvocation += 1
        if methods[method].isAsync { asyncInvocations += 1 }
        slots[slot].running.append(
            Invocation(
                id: nextInvocation, calls: calls, isAsync: methods[method].isAsync,
                unfinished: methods[method].isAsync ? calls.count : 0))
        var thread: Int?
        var isNewThread = false
        if !inline {
            thread = slots[slot].idleThreads.popLast()
            if thread == nil {
                thread = slots[slot].threadCount
                slots[slot].threadCount += 1
                isNewThread = true
            }
        }
        return Assignment(
            invocation: nextInvocation, replica: slots[slot].replica, thread: thread,
            isNewThread: isNewThread, method: method, calls: calls)
    }

    /// Changes an invocation, and drops it if that was its end.
    private mutating func end(
        _ replica: ReplicaID, where matches: (Invocation) -> Bool, _ change: (inout Invocation) -> Void
    ) {
        func apply(_ slots: inout [Slot]) -> Bool {
            guard let slot = slots.firstIndex(where: { $0.replica == replica }),
                let position = slots[slot].running.firstIndex(where: matches)
            else { return false }
            change(&slots[slot].running[position])
            let invocation = slots[slot].running[position]
            if invocation.hasReturned && invocation.unfinished == 0 {
                slots[slot].running.remove(at: position)
                if invocation.isAsync { asyncInvocations -= 1 }
            }
            return true
        }
        if apply(&slots) { return }
        if apply(&retiring) { retiring.removeAll { $0.running.isEmpty } }
    }

    private func batchLimit(_ method: Method) -> Int {
        method.isBatchable ? settings.maxBatchSize : 1
    }

    /// The method whose first call has waited longest among those that have a batch ready.
    private mutating func readyMethod(at now: NIODeadline) -> Int? {
        var best: (index: Int, arrival: NIODeadline)?
        for index in methods.indices {
            guard let first = methods[index].waiting.first else { continue }
            let due = batchDue(methods[index])
            guard due <= now else {
                nextTick = min(nextTick, due)
                continue
            }
            if best == nil || first.arrival < best!.arrival { best = (index, first.arrival) }
        }
        return best?.index
    }

    /// When the first batch of a method may begin: at once if it is full or doesn't wait for more.
    private func batchDue(_ method: Method) -> NIODeadline {
        guard let first = method.waiting.first else { return .distantFuture }
        let limit = batchLimit(method)
        guard limit > 1, settings.batchWaitTimeout > .zero, method.waiting.count < limit,
            phase == .serving
        else { return first.arrival }
        return first.arrival + TimeAmount(settings.batchWaitTimeout)
    }
}
