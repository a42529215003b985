internal import HostCore
internal import NIOCore

/// What happens because time passes.
extension BackendState {
    /// What a tick found.
    struct Due {
        /// Calls whose deadline has passed, to be answered.
        var expired: [Call] = []
        /// Replicas that left the rotation because a call goes on long after its deadline.
        var hung: [ReplicaID] = []
        /// Replicas that left the rotation because their health check does not return.
        var stuck: [ReplicaID] = []
    }

    /// How many calls one tick lets expire, so that other backends' ticks don't wait for a crowd. What is left is due
    /// in the next tick, at once.
    static let expiredAtOnce = 512

    /// The earliest moment at which ``tick(at:)`` may have something to do. Never too late; after a tick, and unless
    /// something happens in between, exact.
    var nextTick: NIODeadline {
        var next = min(queue.nextDeadline, nextRunningDeadline)
        if !slots.isEmpty { next = min(next, nextHealthCheck) }
        // A batch needs no timer while no replica is free for it: the one that comes back starts it.
        guard queue.nextBatch < next, canRun, let method = queue.fillingMethod,
            slots.contains(where: { $0.canBegin(alone: methods[method].isAlone) })
        else { return next }
        return queue.nextBatch
    }

    /// What is due. Expired calls that wait leave the queue; those that run keep their replica busy until the plugin
    /// lets go of them, or the replica counts as hung. All that expired must be answered before the next tick, or it is
    /// reported again.
    mutating func tick(at now: NIODeadline) -> Due {
        defer { noteLoad(at: now) }
        var due = Due(expired: queue.takeExpired(at: now, atMost: Self.expiredAtOnce))
        let isForNothing =
            due.expired.isEmpty && min(queue.nextBatch, nextHealthCheck, nextRunningDeadline) > now
        queue.readyLanes(at: now)
        // A tick for nothing, of a call that was taken back, is not followed by another one: it looks when the next is.
        if nextRunningDeadline <= now || isForNothing { findLateCalls(at: now, &due) }
        if nextHealthCheck <= now {
            due.stuck = requestHealthChecks(at: now)
            nextHealthCheck = .distantFuture
            // A replica that comes later is asked from then on.
            if !slots.isEmpty { scheduleHealthChecks(true, at: now) }
        }
        return due
    }

    /// Looks at all calls that run.
    private mutating func findLateCalls(at now: NIODeadline, _ due: inout Due) {
        let grace = TimeAmount(settings.hangGrace)
        var next = NIODeadline.distantFuture
        for slot in slots {
            note(slot, at: now, &due, &next)
            guard let hangs = slot.firstBackendDeadline.map({ $0 + grace }) else { continue }
            if hangs > now { next = min(next, hangs) } else { due.hung.append(slot.replica) }
        }
        // Replicas out of the rotation are waited for by those who took them out.
        for slot in retiring { note(slot, at: now, &due, &next) }
        for replica in due.hung { retire(replica) }
        nextRunningDeadline = next
    }

    private func note(
        _ slot: ReplicaSlot, at now: NIODeadline, _ due: inout Due, _ next: inout NIODeadline
    ) {
        for call in slot.unfinishedCalls where !call.isAbandoned {
            guard let deadline = call.deadline else { continue }
            if deadline > now {
                next = min(next, deadline)
            } else if due.expired.count < Self.expiredAtOnce {
                due.expired.append(call)
            } else {
                next = now
            }
        }
    }
}
