internal import HostCore
internal import NIOCore

/// A replica as the dispatcher sees it: how much it may run, and what it runs. Pure.
struct ReplicaSlot {
    /// One `invoke` that has begun and not ended: it ends when it has returned and, for a method that finishes calls
    /// later, its calls are finished.
    struct Invocation {
        let id: UInt64
        /// For a method that finishes calls later: those it has not finished.
        var calls: CallBatch
        let isAsync: Bool
        /// Whether nothing else may run beside it.
        let isAlone: Bool
        var hasReturned = false

        var isOver: Bool { hasReturned && (!isAsync || calls.isEmpty) }
    }

    let replica: ReplicaID
    /// How many invocations may run at once, of those that need not be alone.
    var capacity: Int
    /// Whether a health check may run beside them.
    private let isReentrant: Bool
    private(set) var running: [Invocation] = []
    /// How many calls ``running`` holds.
    private(set) var callCount = 0
    var failedHealthChecks = 0
    /// Threads without work, the one that stopped last at the end: its caches are warm.
    private var idleThreads: [Int] = [0]
    /// One for each invocation at most, and one for a health check beside them.
    private var threadCount = 1
    /// Whether the replica is to be asked for its health as soon as it may be.
    private var isHealthWanted = false
    /// The health check that runs, and since when.
    private var healthCheck: (id: UInt64, start: NIODeadline)?

    init(replica: ReplicaID, capacity: Int, isReentrant: Bool) {
        self.replica = replica
        self.capacity = capacity
        self.isReentrant = isReentrant
    }

    /// Whether nothing of the plugin runs on it.
    var isIdle: Bool { running.isEmpty && healthCheck == nil }

    // MARK: Calls

    /// Whether it can begin an invocation. There is a thread for it: no more are busy than invocations and checks run.
    ///
    /// - Parameter isAlone: whether nothing else may run beside it.
    func canBegin(alone isAlone: Bool) -> Bool {
        guard isReentrant || healthCheck == nil else { return false }
        guard let first = running.first else { return true }
        return !isAlone && !first.isAlone && running.count < capacity
    }

    /// - Returns: the thread that is to run it, numbered from 0; nil for one that runs inline.
    mutating func begin(_ invocation: Invocation, inline: Bool) -> Int? {
        running.append(invocation)
        callCount += invocation.calls.count
        return inline ? nil : takeThread()
    }

    /// The thread that stopped last, or a new one.
    private mutating func takeThread() -> Int {
        if let idle = idleThreads.popLast() { return idle }
        threadCount += 1
        return threadCount - 1
    }

    /// An `invoke` or a health check has returned. What begins next gets its thread.
    mutating func returned(_ invocation: UInt64, thread: Int?) {
        if let thread { idleThreads.append(thread) }
        if healthCheck?.id == invocation { healthCheck = nil }
        guard let index = running.firstIndex(where: { $0.id == invocation }) else { return }
        running[index].hasReturned = true
        if running[index].isOver { callCount -= running.remove(at: index).calls.count }
    }

    /// The plugin has finished a call.
    ///
    /// - Returns: whether the call was one of a method that may finish calls after its `invoke` has returned.
    mutating func finishedLater(_ call: Call) -> Bool {
        for index in running.indices where running[index].isAsync {
            guard running[index].calls.contains(where: { $0 === call }) else { continue }
            running[index].calls.remove(call)
            callCount -= 1
            if running[index].isOver { running.remove(at: index) }
            return true
        }
        return false
    }

    var unfinishedCalls: some Sequence<Call> { running.lazy.flatMap(\.calls) }

    /// Of the deadlines that the backend itself has set for ``unfinishedCalls``, the first.
    var firstBackendDeadline: NIODeadline? {
        unfinishedCalls.lazy.compactMap(\.backendDeadline).min()
    }

    // MARK: Health

    /// A re-entrant plugin is asked beside its calls, another one when none of them runs.
    var isReadyForHealthCheck: Bool {
        isHealthWanted && healthCheck == nil && (isReentrant || running.isEmpty)
    }

    /// Asks for a health check. One that is asked for and waits for a call to end stays so: calls are a sign of life,
    /// and those that hang show by their deadlines.
    ///
    /// - Returns: false when the last check has been running for longer than `limit`.
    mutating func requestHealthCheck(at now: NIODeadline, limit: TimeAmount) -> Bool {
        if let healthCheck { return now - healthCheck.start <= limit }
        isHealthWanted = true
        return true
    }

    /// - Returns: the thread that is to run it.
    mutating func beginHealthCheck(_ id: UInt64, at now: NIODeadline) -> Int {
        isHealthWanted = false
        healthCheck = (id, now)
        return takeThread()
    }
}
