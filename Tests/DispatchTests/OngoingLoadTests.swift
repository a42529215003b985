import HostCore
import HostLoader
import HostPlugins
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// The average number of calls at once, with a clock that the test turns.
@Suite struct OngoingLoadTests {
    private let backend = Backend.forTests()
    private let start = NIODeadline.now()

    private func after(_ milliseconds: Int64) -> NIODeadline { start + .milliseconds(milliseconds) }

    /// A state whose load is known from `start` on.
    private func state(
        _ fixture: String, replicas: [ReplicaID] = [ReplicaID()],
        _ change: (inout BackendSettings) -> Void = { _ in }
    ) throws -> BackendState {
        var settings = BackendSettings()
        change(&settings)
        var state = BackendState(tag: "test", settings: settings)
        _ = state.install(replicas, of: try TestDescriptor.of(fixture))
        _ = state.sampleLoad(at: start)
        return state
    }

    private func admit(
        _ state: Box<BackendState>, _ call: Call, at now: NIODeadline
    ) -> Assignment? {
        guard case .admitted(let assignment) = state.change({ $0.admit(call, at: now) }) else {
            Issue.record("refused")
            return nil
        }
        return assignment
    }

    @Test("calls count for the time they are there")
    func average() {
        let load = Box(OngoingLoad())
        _ = load.change { $0.sample(at: start) }
        load.value.changed(to: 4, at: after(250))
        load.value.changed(to: 1, at: after(750))
        #expect(load.change { $0.sample(at: after(1_000)) } == 2.25)
        #expect(load.change { $0.sample(at: after(2_000)) } == 1)
    }

    @Test("a clock that was read before another thread's counts no time twice")
    func disorder() {
        let load = Box(OngoingLoad())
        _ = load.change { $0.sample(at: start) }
        load.value.changed(to: 2, at: after(500))
        load.value.changed(to: 4, at: after(400))
        #expect(load.change { $0.sample(at: after(1_000)) } == 2)
        #expect(load.change { $0.sample(at: after(900)) } == 4, "no time has passed")
    }

    @Test("a load that nobody samples for years is no crash")
    func unsampled() {
        let load = Box(OngoingLoad())
        load.value.changed(to: 1_000_000, at: start)
        let later = start + .hours(10_000)
        load.value.changed(to: 3, at: later)
        _ = load.change { $0.sample(at: later) }
        #expect(load.change { $0.sample(at: later + .seconds(1)) } == 3)
    }

    @Test("calls that wait and calls that run are the load")
    func waitingAndRunning() throws {
        let state = Box(try state("blocks"))
        let first = try #require(admit(state, backend.call(), at: start))
        _ = admit(state, backend.call(), at: start)
        #expect(state.change { $0.sampleLoad(at: after(100)) } == 2)
        let second = try #require(state.change { $0.returned(first, at: after(150)) })
        #expect(state.change { $0.sampleLoad(at: after(200)) } == 1.5)
        _ = state.change { $0.returned(second, at: after(200)) }
        #expect(state.change { $0.sampleLoad(at: after(300)) } == 0)
    }

    @Test("each call of a batch counts, until the batch returns")
    func batch() throws {
        let state = Box(try state("batches") { $0.maxBatchSize = 8 })
        let alone = try #require(admit(state, backend.call(), at: start))
        for _ in 0..<3 { _ = admit(state, backend.call(), at: start) }
        let batch = try #require(state.change { $0.returned(alone, at: start) })
        #expect(state.change { $0.sampleLoad(at: after(100)) } == 3)
        _ = state.change { $0.returned(batch, at: after(100)) }
        #expect(state.change { $0.sampleLoad(at: after(200)) } == 0)
    }

    @Test("a call that outlives its invoke counts until it is finished, and not twice")
    func async() throws {
        let state = Box(try state("never_finishes_async"))
        let call = backend.call()
        let assignment = try #require(admit(state, call, at: start))
        _ = state.change { $0.returned(assignment, at: after(50)) }
        #expect(state.change { $0.sampleLoad(at: after(100)) } == 1)
        _ = state.change { $0.finishedLater(call) }
        _ = state.change { $0.nextAssignment(at: after(150)) }
        #expect(state.change { $0.sampleLoad(at: after(200)) } == 0.5)
    }

    @Test("a call that leaves the queue, by its deadline or its caller, is no load any more")
    func leaving() throws {
        let state = Box(try state("blocks"))
        _ = admit(state, backend.call(), at: start)
        let (expiring, forgotten) = (backend.call(timeout: .seconds(1)), backend.call())
        _ = admit(state, expiring, at: start)
        _ = admit(state, forgotten, at: start)
        _ = state.change { $0.tick(at: expiring.deadline!) }
        state.value.remove(forgotten)
        _ = state.change { $0.sampleLoad(at: expiring.deadline!) }
        #expect(state.change { $0.sampleLoad(at: expiring.deadline! + .seconds(1)) } == 1)
    }

    @Test("what a retired replica still runs is no load: no other replica could take it")
    func retired() throws {
        let replicas = [ReplicaID(), ReplicaID()]
        let state = Box(try state("blocks", replicas: replicas))
        let first = try #require(admit(state, backend.call(), at: start))
        _ = admit(state, backend.call(), at: start)
        state.value.retire(first.replica)
        _ = state.change { $0.sampleLoad(at: start) }
        #expect(state.change { $0.sampleLoad(at: after(100)) } == 1)
        _ = state.change { $0.returned(first, at: after(100)) }
        #expect(state.change { $0.sampleLoad(at: after(200)) } == 1, "not taken off twice")
    }

    @Test("the first call that waits without a replica is the one to be reported")
    func first() throws {
        let state = Box(try state("blocks", replicas: []))
        #expect(!state.value.isFirstWithoutReplica)
        #expect(admit(state, backend.call(), at: start) == nil)
        #expect(state.value.isFirstWithoutReplica)
        #expect(admit(state, backend.call(), at: start) == nil)
        #expect(!state.value.isFirstWithoutReplica)
    }

    @Test("a backend tells at once, and once, that calls wait and there is no replica")
    func report() throws {
        let store = try LibraryStore()
        let copy = try store.copy(Fixture.library("blocks"), name: "blocks")
        let generation = try PluginGeneration.load(
            copy, from: store, number: 1, logger: TestLog().logger)
        let reports = NIOLockedValueBox(0)
        backend.onReplicaWanted { reports.withLockedValue { $0 += 1 } }
        backend.install([], of: generation)
        for _ in 0..<3 { backend.submit(backend.call()) }
        #expect(reports.withLockedValue { $0 } == 1)
        #expect(backend.status.waiting == 3)
        backend.expectNoReplica()
        backend.submit(backend.call())
        #expect(reports.withLockedValue { $0 } == 1, "refused")
        backend.expectReplica()
        backend.submit(backend.call())
        #expect(reports.withLockedValue { $0 } == 2)
        backend.expectNoReplica()
    }

    @Test("calls that wait without a replica are refused when the backend drains: none will come")
    func strandedByDrain() throws {
        let state = Box(try state("blocks", replicas: []))
        _ = admit(state, backend.call(), at: start)
        #expect(state.change { $0.drain() }.count == 1)
        #expect(state.value.isIdle)
    }
}
