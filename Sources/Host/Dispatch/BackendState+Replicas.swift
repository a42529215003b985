internal import HostCore
internal import NIOCore

/// Replicas that come and go while the backend serves.
extension BackendState {
    mutating func add(_ replica: ReplicaID) {
        // It has just been asked, and nobody was there to be asked before.
        if slots.isEmpty { nextHealthCheck = .distantFuture }
        slots.append(
            ReplicaSlot(
                replica: replica, capacity: settings.maxConcurrentQueries, isReentrant: isReentrant)
        )
        expectReplica()
    }

    /// Takes a replica out of the rotation; it finishes what it runs.
    ///
    /// - Returns: whether it was in the rotation.
    @discardableResult
    mutating func retire(_ replica: ReplicaID) -> Bool {
        guard let index = slots.firstIndex(where: { $0.replica == replica }) else { return false }
        let slot = slots.remove(at: index)
        runningCalls -= slot.callCount
        if !slot.isIdle { retiring.append(slot) }
        return true
    }

    /// Whether none of these replicas runs anything.
    func areIdle(_ replicas: Set<ReplicaID>) -> Bool {
        func isBusy(_ slot: ReplicaSlot) -> Bool { !slot.isIdle && replicas.contains(slot.replica) }
        return !slots.contains(where: isBusy) && !retiring.contains(where: isBusy)
    }

    /// Whether nothing waits and nothing runs.
    var isIdle: Bool {
        queue.count == 0 && slots.allSatisfy(\.isIdle) && retiring.allSatisfy(\.isIdle)
    }

    /// Whether nothing will ever happen again, unless it is reopened.
    var isOver: Bool { phase == .closed && isIdle }

    var runningCount: Int { (slots + retiring).reduce(0) { $0 + $1.running.count } }

    mutating func change(_ replica: ReplicaID, _ body: (inout ReplicaSlot) -> Void) {
        if let index = slots.firstIndex(where: { $0.replica == replica }) {
            let calls = slots[index].callCount
            body(&slots[index])
            runningCalls += slots[index].callCount - calls
        } else if let index = retiring.firstIndex(where: { $0.replica == replica }) {
            body(&retiring[index])
            dropIdleRetired()
        }
    }

    mutating func dropIdleRetired() {
        retiring.removeAll(where: \.isIdle)
    }

    // MARK: Health

    /// Has the replicas asked for their health, from a period after now.
    ///
    /// - Parameter tellsHealth: whether the plugin can tell.
    mutating func scheduleHealthChecks(_ tellsHealth: Bool, at now: NIODeadline) {
        guard tellsHealth, phase != .closed else {
            nextHealthCheck = .distantFuture
            return
        }
        nextHealthCheck = min(nextHealthCheck, now + TimeAmount(settings.healthCheckPeriod))
    }

    /// Asks each replica for its health: at once if its plugin is re-entrant, or else between two calls.
    ///
    /// - Returns: replicas that left the rotation because a check takes longer than `lifecycle_timeout`.
    mutating func requestHealthChecks(at now: NIODeadline) -> [ReplicaID] {
        let limit = TimeAmount(settings.lifecycleTimeout)
        var stuck: [ReplicaID] = []
        for index in slots.indices where !slots[index].requestHealthCheck(at: now, limit: limit) {
            stuck.append(slots[index].replica)
        }
        for replica in stuck { retire(replica) }
        return stuck
    }

    /// Counts a health check.
    ///
    /// - Returns: whether the replica left the rotation over it.
    mutating func recordHealth(_ replica: ReplicaID, isHealthy: Bool) -> Bool {
        guard let index = slots.firstIndex(where: { $0.replica == replica }) else { return false }
        slots[index].failedHealthChecks = isHealthy ? 0 : slots[index].failedHealthChecks + 1
        guard slots[index].failedHealthChecks >= settings.healthCheckFailures else { return false }
        return retire(replica)
    }
}
