import HostCore
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// The dispatcher's decisions alone: no threads, no plugin code, a clock that the test turns.
@Suite struct BackendStateTests {
    private let backend = Backend.forTests()
    private let now = NIODeadline.now()

    private func state(
        _ fixture: String, replicas: [ReplicaID] = [ReplicaID()],
        _ change: (inout BackendSettings) -> Void = { _ in }
    ) throws -> BackendState {
        var settings = BackendSettings()
        change(&settings)
        var state = BackendState(tag: "test", settings: settings)
        _ = state.install(replicas, of: try TestDescriptor.of(fixture))
        return state
    }

    private func admit(_ state: Box<BackendState>, _ call: Call) -> Assignment? {
        switch state.value.admit(call, at: now) {
        case .admitted(let assignment): return assignment
        case .refused(let error):
            Issue.record("refused: \(error)")
            return nil
        }
    }

    private func refusal(_ admission: BackendState.Admission) -> DispatchError.Code? {
        if case .refused(let error) = admission { error.code } else { nil }
    }

    private func count(_ assignment: Assignment) -> Int {
        if case .calls(_, let calls) = assignment.work { calls.count } else { 0 }
    }

    @Test("a plugin that is not re-entrant gets one call, and the next when that has returned")
    func oneAtATime() throws {
        let state = Box(try state("blocks"))
        let first = try #require(admit(state, backend.call()))
        #expect(admit(state, backend.call()) == nil)
        #expect(state.value.queue.count == 1)
        #expect(state.change { $0.returned(first, at: now) } != nil)
        #expect(state.value.queue.count == 0)
    }

    @Test(
        "a re-entrant plugin gets as many calls at once as the settings say, on threads of their own"
    )
    func reentrant() throws {
        let state = Box(try state("echo") { $0.maxConcurrentQueries = 3 })
        let threads = (0..<3).compactMap { _ in admit(state, backend.call())?.thread }
        #expect(threads == [0, 1, 2])
        #expect(admit(state, backend.call()) == nil)
    }

    @Test(
        "a method that isn't re-entrant has its replica for itself, and what comes later waits behind it"
    )
    func reentrantByMethod() throws {
        let state = Box(try state("shares") { $0.maxConcurrentQueries = 2 })
        let first = try #require(admit(state, backend.call("together")))
        let second = try #require(admit(state, backend.call("together")))
        #expect(admit(state, backend.call("__call__")) == nil)
        #expect(state.change { $0.returned(first, at: now) } == nil, "one still runs")
        #expect(admit(state, backend.call("together")) == nil, "it would overtake")
        #expect(admit(state, backend.call("overlaps")) == nil)
        let alone = try #require(state.change { $0.returned(second, at: now) })
        #expect(alone.calls.first?.method == "__call__")
        #expect(state.change { $0.nextAssignment(at: now) } == nil, "nothing runs beside it")
        #expect(state.change { $0.returned(alone, at: now) } != nil)
        #expect(state.change { $0.nextAssignment(at: now) } != nil, "it makes room for both")
        #expect(state.value.queue.count == 0)
    }

    @Test("of a plugin with re-entrant methods the health is asked when none of them runs")
    func healthOfReentrantMethods() throws {
        let state = Box(try state("shares"))
        let call = try #require(admit(state, backend.call("together")))
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        #expect(state.change { $0.nextAssignment(at: now) } == nil)
        let check = try #require(state.change { $0.returned(call, at: now) })
        guard case .healthCheck = check.work else {
            Issue.record("not the health check")
            return
        }
        #expect(admit(state, backend.call("together")) == nil, "nothing runs beside it")
        #expect(state.change { $0.returned(check, at: now) } != nil)
    }

    @Test("a call that outlives its invoke keeps the replica until it is finished")
    func async() throws {
        let state = Box(try state("never_finishes_async"))
        let call = backend.call()
        let assignment = try #require(admit(state, call))
        #expect(state.change { $0.returned(assignment, at: now) } == nil)
        #expect(!state.value.isIdle)
        #expect(state.change { $0.finishedLater(call) })
        #expect(state.value.isIdle)
        #expect(!state.change { $0.finishedLater(call) }, "the second time it is nobody's")
    }

    @Test("a call that finishes before its invoke returns keeps the replica until the return")
    func finishedBeforeReturn() throws {
        let state = Box(try state("never_finishes_async"))
        let call = backend.call()
        let assignment = try #require(admit(state, call))
        #expect(state.change { $0.finishedLater(call) })
        #expect(!state.value.isIdle)
        _ = state.change { $0.returned(assignment, at: now) }
        #expect(state.value.isIdle)
    }

    @Test("one call more than max_queued_requests is refused")
    func queueLimit() throws {
        let state = Box(try state("blocks") { $0.maxQueuedRequests = 2 })
        _ = admit(state, backend.call())
        _ = admit(state, backend.call())
        _ = admit(state, backend.call())
        #expect(refusal(state.value.admit(backend.call(), at: now)) == .queueFull)
    }

    @Test("an unknown method is refused with the names there are")
    func unknownMethod() throws {
        let state = Box(try state("blocks"))
        guard case .refused(let error) = state.value.admit(backend.call("nope"), at: now) else {
            Issue.record("admitted")
            return
        }
        #expect(error.code == .unknownMethod)
        #expect(error.message.contains("nope") && error.message.contains("until_cancelled"))
    }

    @Test("of two replicas the one that runs less gets the call")
    func twoChoices() throws {
        let replicas = [ReplicaID(), ReplicaID()]
        let state = Box(try state("blocks", replicas: replicas))
        let first = try #require(admit(state, backend.call()))
        let second = try #require(admit(state, backend.call()))
        #expect(Set([first.replica, second.replica]) == Set(replicas))
        #expect(admit(state, backend.call()) == nil)
    }

    @Test("held calls wait, and go to the new generation; those it has no method for are refused")
    func holdAndSwap() throws {
        let state = Box(try state("blocks"))
        let running = try #require(admit(state, backend.call()))
        state.value.hold()
        #expect(admit(state, backend.call("__call__")) == nil)
        #expect(admit(state, backend.call("echo")) == nil)
        #expect(state.change { $0.returned(running, at: now) } == nil, "held")
        #expect(state.value.areIdle([running.replica]))
        let replacement = ReplicaID()
        let refused = state.value.install([replacement], of: try TestDescriptor.of("slow"))
        #expect(refused.map { $0.0.method } == ["echo"])
        #expect(state.change { $0.nextAssignment(at: now) }?.replica == replacement)
    }

    @Test("a replaced replica finishes what it runs and is not idle before that")
    func retiring() throws {
        let state = Box(try state("blocks"))
        let old = try #require(admit(state, backend.call()))
        _ = state.value.install([ReplicaID()], of: try TestDescriptor.of("blocks"))
        #expect(!state.value.areIdle([old.replica]))
        #expect(admit(state, backend.call()) != nil)
        _ = state.change { $0.returned(old, at: now) }
        #expect(state.value.areIdle([old.replica]))
    }

    @Test("an expired call that waits leaves the queue, one that runs keeps its replica busy")
    func expiry() throws {
        let state = Box(try state("blocks"))
        let running = backend.call(timeout: .seconds(1))
        let waiting = backend.call(timeout: .seconds(1))
        _ = admit(state, running)
        _ = admit(state, waiting)
        #expect(state.value.nextTick == running.deadline)
        let end = try #require(waiting.deadline) + .milliseconds(1)
        let due = state.change { $0.tick(at: end) }
        #expect(due.expired.count == 2)
        #expect(due.hung.isEmpty)
        #expect(state.value.queue.count == 0)
        #expect(!state.value.isIdle)
    }

    @Test("a tick that comes early keeps the deadlines, also while a call waits for a replica")
    func earlyTick() throws {
        let state = Box(try state("blocks"))
        _ = admit(state, backend.call())
        let waiting = backend.call(timeout: .seconds(1))
        _ = admit(state, waiting)
        let deadline = try #require(waiting.deadline)
        #expect(state.change { $0.tick(at: deadline - .milliseconds(1)) }.expired.isEmpty)
        #expect(state.value.nextTick == deadline)
    }

    @Test("a replica whose call goes on after the grace leaves the rotation")
    func hang() throws {
        let state = Box(try state("blocks") { $0.hangGrace = .seconds(2) })
        let call = backend.call()
        let assignment = try #require(admit(state, call))
        let deadline = try #require(call.backendDeadline)
        #expect(call.deadline == deadline)
        #expect(state.change { $0.tick(at: deadline + .seconds(1)) }.hung.isEmpty)
        #expect(state.value.nextTick == deadline + .seconds(2))
        #expect(
            state.change { $0.tick(at: deadline + .seconds(2)) }.hung == [assignment.replica])
        #expect(state.value.slots.isEmpty)
        #expect(!state.value.areIdle([assignment.replica]), "it still runs the call")
    }

    @Test("without a replica calls wait for the replacement, unless there won't be one")
    func withoutReplica() throws {
        let state = Box(try state("blocks"))
        let replica = try #require(state.value.slots.first).replica
        state.value.retire(replica)
        #expect(admit(state, backend.call()) == nil)
        #expect(state.change { $0.expectNoReplica() }.count == 1)
        #expect(refusal(state.value.admit(backend.call(), at: now)) == .unavailable)
        state.value.add(ReplicaID())
        #expect(admit(state, backend.call()) != nil)
    }

    @Test("a health check runs alone: after the calls that run, before those that wait")
    func healthCheck() throws {
        let state = Box(try state("sick"))
        let call = try #require(admit(state, backend.call()))
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        #expect(admit(state, backend.call()) == nil)
        let check = try #require(state.change { $0.returned(call, at: now) })
        guard case .healthCheck = check.work else {
            Issue.record("not the health check")
            return
        }
        #expect(check.thread == 0)
        #expect(state.change { $0.nextAssignment(at: now) } == nil, "nothing runs beside it")
        #expect(state.change { $0.returned(check, at: now) } != nil, "then the call that waited")
    }

    @Test("a health check of a re-entrant plugin runs beside its calls, on a thread that is idle")
    func healthCheckBeside() throws {
        let state = Box(try state("checked_beside") { $0.maxConcurrentQueries = 2 })
        let first = try #require(admit(state, backend.call()))
        let second = try #require(admit(state, backend.call()))
        #expect([first.thread, second.thread] == [0, 1])
        #expect(admit(state, backend.call()) == nil)
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        let check = try #require(state.change { $0.nextAssignment(at: now) })
        guard case .healthCheck = check.work else {
            Issue.record("not the health check")
            return
        }
        #expect(check.thread == 2)
        #expect(state.value.runningCount == 2, "it is no call")
        let third = try #require(state.change { $0.returned(first, at: now) })
        #expect(third.thread == 0, "calls go on beside the check")
        #expect(state.change { $0.returned(check, at: now) } == nil)
        #expect(state.change { $0.returned(second, at: now) } == nil)
        let fourth = try #require(admit(state, backend.call()))
        #expect(fourth.thread == 1, "the thread that stopped last")
        #expect(state.change { $0.nextAssignment(at: now) } == nil)
    }

    @Test(
        "a replica whose health check runs is not idle, and is asked for nothing while calls are held"
    )
    func healthCheckAndHold() throws {
        let state = Box(try state("checked_beside"))
        let replica = try #require(state.value.slots.first).replica
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        let check = try #require(state.change { $0.nextAssignment(at: now) })
        state.value.hold()
        #expect(!state.value.areIdle([replica]) && !state.value.isIdle)
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        #expect(state.change { $0.returned(check, at: now) } == nil)
        #expect(state.value.areIdle([replica]) && state.value.isIdle)
        state.value.resume()
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        let next = try #require(state.change { $0.nextAssignment(at: now) })
        guard case .healthCheck = next.work else {
            Issue.record("not the health check")
            return
        }
        state.value.retire(replica)
        #expect(!state.value.areIdle([replica]))
        #expect(state.change { $0.returned(next, at: now) } == nil)
        #expect(state.value.areIdle([replica]))
    }

    @Test("a crowd of expired calls is let go in parts")
    func crowd() throws {
        let state = Box(try state("blocks") { $0.maxQueuedRequests = 10_000 })
        let calls = (0..<1_300).map { _ in backend.call(timeout: .seconds(1)) }
        for call in calls { _ = admit(state, call) }
        let end = try #require(calls.last?.deadline)
        var sizes: [Int] = []
        while state.value.nextTick <= end {
            let due = state.change { $0.tick(at: end) }
            for call in due.expired { call.respond(.failure(DispatchError(.deadlineExceeded, ""))) }
            sizes.append(due.expired.count)
        }
        #expect(sizes.reduce(0, +) == 1_300)
        #expect(sizes.allSatisfy { 1...BackendState.expiredAtOnce ~= $0 })
    }

    @Test("a batch that waits to be filled rings no timer while no replica is free")
    func noTimerForBusyReplica() throws {
        let state = Box(
            try state("batches") {
                $0.maxBatchSize = 4
                $0.batchWaitTimeout = .milliseconds(2)
                $0.requestTimeout = nil
            })
        let endless = Backend.forTests()
        endless.update(state.value.settings)
        #expect(admit(state, endless.call()) == nil)
        #expect(state.value.nextTick == now + .milliseconds(2))
        let later = now + .milliseconds(2)
        #expect(state.change { $0.tick(at: later) }.expired.isEmpty)
        let batch = try #require(state.change { $0.nextAssignment(at: later) })
        #expect(admit(state, endless.call()) == nil)
        #expect(state.value.nextTick == .distantFuture)
        #expect(state.change { $0.returned(batch, at: now) } == nil)
        #expect(state.value.nextTick == now + .milliseconds(2))
    }

    @Test("three failed health checks in a row cost a replica its place, two don't")
    func healthFailures() throws {
        let state = Box(try state("sick"))
        let replica = try #require(state.value.slots.first).replica
        let results = [false, false, true, false, false].map { isHealthy in
            state.change { $0.recordHealth(replica, isHealthy: isHealthy) }
        }
        #expect(!results.contains(true))
        #expect(state.change { $0.recordHealth(replica, isHealthy: false) })
        #expect(state.value.slots.isEmpty)
    }

    @Test("a health check that runs longer than lifecycle_timeout costs a replica its place")
    func stuckHealthCheck() throws {
        let state = Box(try state("sick") { $0.lifecycleTimeout = .seconds(5) })
        let replica = try #require(state.value.slots.first).replica
        #expect(state.change { $0.requestHealthChecks(at: now) }.isEmpty)
        _ = try #require(state.change { $0.nextAssignment(at: now) })
        #expect(state.change { $0.requestHealthChecks(at: now + .seconds(5)) }.isEmpty)
        #expect(state.change { $0.requestHealthChecks(at: now + .seconds(6)) } == [replica])
    }

    @Test("a caller's own short deadline is no sign of a hang")
    func impatientCaller() throws {
        let state = Box(try state("blocks") { $0.hangGrace = .zero })
        let call = backend.call(timeout: .milliseconds(100))
        _ = try #require(admit(state, call))
        let due = state.change { $0.tick(at: call.deadline! + .seconds(2)) }
        #expect(due.expired.count == 1)
        #expect(due.hung.isEmpty)
        let late = state.change { $0.tick(at: call.backendDeadline!) }
        #expect(late.hung.count == 1)
    }

    @Test("an inline call takes the replica's turn like any other")
    func inlineTakesTurn() throws {
        let state = Box(try state("thread_checker"))
        let inline = try #require(admit(state, backend.call("inline")))
        #expect(inline.thread == nil)
        #expect(admit(state, backend.call("inline")) == nil, "the second one waits")
        #expect(admit(state, backend.call()) == nil)
        let next = try #require(state.change { $0.returned(inline, at: now) })
        #expect(next.thread == 0, "what has waited runs on a thread")
    }

    @Test("draining refuses new calls and hurries batches")
    func draining() throws {
        let state = Box(
            try state("batches") {
                $0.maxBatchSize = 8
                $0.batchWaitTimeout = .seconds(60)
            })
        #expect(admit(state, backend.call()) == nil)
        state.value.drain()
        #expect(refusal(state.value.admit(backend.call(), at: now)) == .unavailable)
        #expect(state.change { $0.nextAssignment(at: now) }.map(count) == 1)
    }

    @Test("new limits count for the calls that wait already")
    func update() throws {
        let state = Box(
            try state("batches") {
                $0.maxBatchSize = 8
                $0.batchWaitTimeout = .seconds(60)
            })
        _ = admit(state, backend.call())
        _ = admit(state, backend.call())
        #expect(state.change { $0.nextAssignment(at: now) } == nil)
        var settings = state.value.settings
        settings.batchWaitTimeout = .zero
        state.value.update(settings)
        #expect(state.change { $0.nextAssignment(at: now) }.map(count) == 2)
    }
}
