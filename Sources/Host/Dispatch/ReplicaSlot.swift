internal import NIOCore

/// A replica as the dispatcher sees it: how much it may run, and what it runs. Pure.
struct ReplicaSlot {
    /// One `invoke` that has begun and not ended: it ends when it has returned and, for a method that finishes calls
    /// later, its calls are finished.
    struct Invocation {
        let id: UInt64
        /// For a method that finishes calls later: those it has not finished.
        var calls: [Call]
        let isAsync: Bool
        var hasReturned = false

        var isOver: Bool { hasReturned && (!isAsync || calls.isEmpty) }
    }

    let replica: ReplicaID
    /// How many invocations may run at once.
    var capacity: Int
    private(set) var running: [Invocation] = []
    /// How many calls ``running`` holds.
    private(set) var callCount = 0
    var failedHealthChecks = 0
    /// Threads without work, the one that stopped last at the end: its caches are warm.
    private var idleThreads: [Int] = [0]
    private var threadCount = 1
    /// Whether the replica is to be asked for its health as soon as it runs nothing; until then it begins nothing.
    private var isHealthWanted = false
    /// The health check that runs, alone, and since when.
    private var healthCheck: (id: UInt64, start: NIODeadline)?

    init(replica: ReplicaID, capacity: Int) {
        self.replica = replica
        self.capacity = capacity
    }

    // MARK: Calls

    var canBegin: Bool {
        canBeginInline && (!idleThreads.isEmpty || threadCount < capacity)
    }

    var canBeginInline: Bool {
        running.count < capacity && !isHealthWanted && healthCheck == nil
    }

    /// - Returns: the thread that is to run it, numbered from 0; nil for one that runs inline.
    mutating func begin(_ invocation: Invocation, inline: Bool) -> Int? {
        running.append(invocation)
        callCount += invocation.calls.count
        guard !inline else { return nil }
        if let idle = idleThreads.popLast() { return idle }
        threadCount += 1
        return threadCount - 1
    }

    /// An `invoke` has returned.
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
            guard let position = running[index].calls.firstIndex(where: { $0 === call }) else {
                continue
            }
            running[index].calls.remove(at: position)
            callCount -= 1
            if running[index].isOver { running.remove(at: index) }
            return true
        }
        return false
    }

    var unfinishedCalls: [Call] { running.flatMap(\.calls) }

    /// Whether a call still runs this long after the backend's deadline for it.
    func hasCall(pastDeadlineBy grace: TimeAmount, at now: NIODeadline) -> Bool {
        running.contains { invocation in
            invocation.calls.contains { call in
                call.backendDeadline.map { $0 + grace <= now } ?? false
            }
        }
    }

    // MARK: Health

    var isReadyForHealthCheck: Bool {
        isHealthWanted && running.isEmpty && idleThreads.contains(0)
    }

    /// Asks for a health check, or takes back a request that has not been come to.
    ///
    /// - Returns: false when the last check has been running for longer than `limit`.
    mutating func requestHealthCheck(at now: NIODeadline, limit: TimeAmount) -> Bool {
        if let healthCheck { return now - healthCheck.start <= limit }
        isHealthWanted.toggle()
        return true
    }

    /// - Returns: the thread that is to run it: the first one, which runs the lifecycle functions.
    mutating func beginHealthCheck(_ id: UInt64, at now: NIODeadline) -> Int {
        isHealthWanted = false
        idleThreads.removeAll { $0 == 0 }
        running.append(Invocation(id: id, calls: [], isAsync: false))
        healthCheck = (id, now)
        return 0
    }
}
