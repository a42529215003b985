import HostCore
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// Whatever happens: no call outlives its deadline and none waits that could begin, if the timer rings when the state
/// asks for it; and the timer never rings for nothing twice in a row.
@Suite struct DeadlinePropertyTests {
    /// A backend whose calls, replicas and clock are drawn at random.
    private struct World {
        let backend: Backend
        var state: BackendState
        var timer = TickTimer()
        var now = NIODeadline.now()
        var running: [Assignment] = []
        var calls: [Call] = []
        var random: SeededGenerator

        mutating func step() {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...3: admit()
            case 4, 5: returnOne()
            case 6: cancelOne()
            case 7: replaceReplica()
            default: pass(.milliseconds(.random(in: 1...20_000, using: &random)))
            }
            setTimer()
            let waiting = beginning
            #expect(waiting == nil, "what can begin has begun")
            checkThreads()
        }

        /// Time goes by, and the timer rings when it is to.
        private mutating func pass(_ time: TimeAmount) {
            let end = now + time
            while let alarm = timer.alarms.last, alarm.time <= end {
                now = max(now, alarm.time)
                let isSet = timer.rang(alarm)
                #expect(isSet)
                let isTimeForMore = min(state.nextHealthCheck, state.queue.nextBatch) <= now
                let didNothing = !tick() && !isTimeForMore
                setTimer()
                #expect(state.nextTick > now, "it would ring without end")
                if didNothing { checkNextTick() }
            }
            now = end
        }

        /// The next time there is something to do, if nothing happens before.
        private func checkNextTick() {
            var later = state
            let next = state.nextTick
            guard next < .distantFuture else { return }
            let due = later.tick(at: next)
            let found =
                !due.expired.isEmpty || !due.hung.isEmpty || next == state.nextHealthCheck
                || later.nextAssignment(at: next) != nil
            #expect(found, "it would ring for nothing a second time")
        }

        private mutating func setTimer() {
            _ = timer.expect(state.nextTick)
            #expect(timer.alarms.count <= 2)
            #expect(timer.alarms.last?.time ?? .distantFuture <= state.nextTick)
        }

        /// What would begin now, though nothing else happens.
        private var beginning: Assignment? {
            var state = state
            return state.nextAssignment(at: now)
        }

        /// No two run on one thread, and no more threads are used than needed.
        private func checkThreads() {
            let threads = running.compactMap { assignment in
                assignment.thread.map { "\(assignment.replica.number) \($0)" }
            }
            #expect(Set(threads).count == threads.count)
            let most = state.settings.maxConcurrentQueries + 1
            #expect(running.allSatisfy { $0.thread ?? 0 < most })
            for (_, together) in Dictionary(grouping: running, by: \.replica) {
                let hasLone = !state.isReentrant && together.contains { isAlone($0) }
                #expect(!hasLone || together.count == 1)
            }
        }

        private func isAlone(_ assignment: Assignment) -> Bool {
            switch assignment.work {
            case .calls(let method, _): state.methods[method].isAlone
            case .healthCheck: true
            }
        }

        private mutating func admit() {
            let timeout = Duration.milliseconds(.random(in: 1...40_000, using: &random))
            let key = UInt64.random(in: 0...3, using: &random)
            let method = state.methods.randomElement(using: &random)!.name
            let call = backend.call(
                method, timeout: Bool.random(using: &random) ? timeout : nil)
            // The call's clock is the machine's, and this one's runs ahead.
            guard case .admitted(let assignment) = state.admit(call, key: key, at: now) else {
                call.respond(.failure(DispatchError(.unavailable, "refused")))
                return
            }
            calls.append(call)
            if let assignment { running.append(assignment) }
            setTimer()
            pass(.nanoseconds(0))
        }

        private mutating func returnOne() {
            guard let index = running.indices.randomElement(using: &random) else { return }
            let done = running.remove(at: index)
            if case .calls(_, let calls) = done.work {
                for call in calls { call.respond(.failure(DispatchError(.unavailable, "done"))) }
            }
            let next = state.returned(done, at: now)
            #expect(
                next == nil || done.thread == nil || next?.thread == done.thread,
                "its thread goes on with it")
            if let next { running.append(next) }
            if state.isMixed { begin() }
        }

        private mutating func cancelOne() {
            guard let call = calls.randomElement(using: &random) else { return }
            call.respond(.failure(DispatchError(.cancelled, "gone")))
            state.remove(call)
        }

        /// - Returns: whether there was anything to do.
        private mutating func tick() -> Bool {
            let due = state.tick(at: now)
            for call in due.expired {
                let isFirst = call.respond(.failure(DispatchError(.deadlineExceeded, "late")))
                #expect(isFirst)
            }
            let before = running.count
            begin()
            return !due.expired.isEmpty || !due.hung.isEmpty || !due.stuck.isEmpty
                || running.count > before
        }

        private mutating func begin() {
            while let next = state.nextAssignment(at: now) { running.append(next) }
        }

        private mutating func replaceReplica() {
            if let slot = state.slots.randomElement(using: &random) { state.retire(slot.replica) }
            if state.slots.count < 3 {
                state.add(ReplicaID())
                state.scheduleHealthChecks(true, at: now)
                begin()
            }
        }
    }

    @Test(
        "no call outlives its deadline, or waits without need", arguments: 0..<150 as Range<UInt64>)
    func deadlines(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var settings = BackendSettings()
        settings.hangGrace = .milliseconds(.random(in: 0...5_000, using: &random))
        settings.maxConcurrentQueries = .random(in: 1...3, using: &random)
        settings.maxBatchSize = .random(in: 1...4, using: &random)
        settings.batchWaitTimeout = .milliseconds(.random(in: 0...3_000, using: &random))
        settings.healthCheckPeriod = .milliseconds(.random(in: 100...20_000, using: &random))
        var state = BackendState(tag: "test", settings: settings)
        // Of the first the calls come together in batches and keep its replica for themselves, the second is
        // re-entrant, the third in a part of its methods.
        let plugin = ["batches", "echo", "shares"][Int(seed % 3)]
        _ = state.install([ReplicaID()], of: try TestDescriptor.of(plugin))
        state.scheduleHealthChecks(true, at: .now())
        var world = World(backend: .forTests(), state: state, random: random)
        for _ in 0..<200 {
            world.step()
            let late = world.calls.filter { call in
                !call.isAbandoned && call.deadline.map { $0 <= world.now } ?? false
            }
            #expect(late.isEmpty)
        }
    }
}
