import HostPlugins
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// Whatever happens: no call outlives its deadline, if the timer fires when the state asks for it, and the timer never
/// fires for nothing again and again.
@Suite struct DeadlinePropertyTests {
    /// A backend whose calls, replicas and clock are drawn at random.
    private struct World {
        let backend: Backend
        var state: BackendState
        var now = NIODeadline.now()
        var running: [BackendState.Assignment] = []
        var calls: [Call] = []
        var random: SeededGenerator

        mutating func step() {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3: admit()
            case 4, 5: returnOne()
            case 6: tick()  // Another reason than the present one had the timer fire.
            case 7: replaceReplica()
            default:
                now = now + .milliseconds(.random(in: 1...20_000, using: &random))
                while let next = state.nextAssignment(at: now) { running.append(next) }
            }
            // What a timer does. It doesn't fire twice at once if it did what it should the first time.
            if state.nextTick <= now {
                tick()
                #expect(state.nextTick > now, "the timer would fire without end")
            }
        }

        private mutating func admit() {
            let timeout = Duration.milliseconds(.random(in: 1...40_000, using: &random))
            let call = backend.call(timeout: Bool.random(using: &random) ? timeout : nil)
            guard case .admitted(let assignment) = state.admit(call, at: now) else {
                call.answer(.failure(DispatchError(.unavailable, "refused")))
                return
            }
            calls.append(call)
            if let assignment { running.append(assignment) }
        }

        private mutating func returnOne() {
            guard let index = running.indices.randomElement(using: &random) else { return }
            let done = running.remove(at: index)
            if case .calls(_, let calls) = done.work {
                for call in calls { call.answer(.failure(DispatchError(.unavailable, "done"))) }
            }
            if let next = state.returned(done, at: now) { running.append(next) }
        }

        private mutating func tick() {
            for call in state.tick(at: now).expired {
                call.answer(.failure(DispatchError(.deadlineExceeded, "late")))
            }
            while let next = state.nextAssignment(at: now) { running.append(next) }
        }

        private mutating func replaceReplica() {
            if let slot = state.slots.randomElement(using: &random) { state.retire(slot.replica) }
            if state.slots.count < 3 { state.add(ReplicaID()) }
        }
    }

    @Test("no call outlives its deadline", arguments: 0..<100 as Range<UInt64>)
    func deadlines(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var settings = BackendSettings()
        settings.hangGrace = .milliseconds(.random(in: 0...5_000, using: &random))
        settings.maxConcurrentQueries = .random(in: 1...2, using: &random)
        settings.maxBatchSize = .random(in: 1...4, using: &random)
        settings.batchWaitTimeout = .milliseconds(.random(in: 0...3_000, using: &random))
        var state = BackendState(tag: "test", settings: settings)
        _ = state.install([ReplicaID()], of: try TestDescriptor.of("echo"))
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
