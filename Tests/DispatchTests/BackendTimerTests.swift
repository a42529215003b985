import Dispatch
import HostCore
import HostLoader
import HostPlugins
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// Backends with real replicas on a clock that is watched.
@Suite struct BackendTimerTests {
    private let clock = CountingEventLoop()

    private func backend(
        _ fixture: String, replicas: Int = 1, tag: String = "test",
        _ change: (inout BackendSettings) -> Void = { _ in }
    ) async throws -> (Backend, [Replica]) {
        var settings = BackendSettings()
        change(&settings)
        let store = try LibraryStore()
        let copy = try store.copy(try Fixture.library(fixture), name: fixture)
        let generation = try PluginGeneration.load(
            copy, from: store, number: 1, logger: TestLog().logger)
        var made: [Replica] = []
        for index in 0..<replicas {
            made.append(
                try await Replica.start(
                    of: generation, index: index, backend: tag, settings: settings))
        }
        let backend = Backend(
            tag: tag, settings: settings, timer: clock, logger: TestLog().logger)
        backend.install(made, of: generation)
        return (backend, made)
    }

    @Test("a constant load has two alarms at most, however long it goes on")
    func constantLoad() async throws {
        let (backend, replicas) = try await backend("batches") {
            $0.maxBatchSize = 32
            $0.batchWaitTimeout = .milliseconds(1)
        }
        for _ in 0..<150 {
            let sink = RecordingSink()
            backend.submit(backend.call("__call__", "x", sink: sink))
            try await Eventually.true { sink.answers.count == 1 }
        }
        // What has rung still counts until its task has returned.
        #expect(clock.counts.mostWaiting <= 3)
        #expect(clock.counts.scheduled <= 150 + 5, "each batch's wait, and the deadlines, rarely")
        _ = await backend.close(within: .seconds(5))
        for replica in replicas { try await replica.stop(timeout: .seconds(5)) }
    }

    @Test("deadlines that come ever earlier leave no alarms behind")
    func everEarlier() async throws {
        let (backend, _) = try await backend("batches", replicas: 0) {
            $0.requestTimeout = .seconds(600)
        }
        for seconds in (101...300).reversed() {
            backend.submit(backend.call(timeout: .seconds(seconds)))
        }
        #expect(clock.counts.scheduled >= 200)
        try await Eventually.true { clock.counts.waiting <= 2 }
        _ = await backend.close(within: .zero)
    }

    @Test("a backend that has ended leaves nothing on the clock, and nothing of itself")
    func ended() async throws {
        weak var ended: Backend?
        do {
            let (backend, replicas) = try await backend("sick") {
                $0.requestTimeout = .seconds(600)
                $0.healthCheckPeriod = .seconds(600)
            }
            let sink = RecordingSink()
            backend.submit(backend.call(sink: sink))
            try await Eventually.true { sink.answers.count == 1 }
            #expect(clock.counts.waiting > 0)
            let wasIdle = await backend.close(within: .seconds(5))
            #expect(wasIdle)
            for replica in replicas { try await replica.stop(timeout: .seconds(5)) }
            ended = backend
        }
        try await Eventually.true { clock.counts.waiting == 0 }
        try await Eventually.true { ended == nil }
    }

    @Test("a call that ends after its backend leaves nothing on the clock either")
    func endedLater() async throws {
        let (backend, replicas) = try await backend("blocks") {
            $0.requestTimeout = .seconds(600)
        }
        let directory = try TemporaryDirectory()
        let call = backend.call("until_cancelled", directory.file("seen"))
        backend.submit(call)
        let wasIdle = await backend.close(within: .milliseconds(10))
        #expect(!wasIdle)
        #expect(clock.counts.waiting > 0, "its caller is owed an answer")
        call.cancel()
        try await Eventually.true { clock.counts.waiting == 0 }
        for replica in replicas { try await replica.stop(timeout: .seconds(5)) }
    }

    @Test(
        "a caller that takes its time over a late answer keeps no other backend's, and not the clock"
    )
    func slowCaller() async throws {
        let slow = BlockingSink(clock: clock)
        defer { slow.goOn.signal() }
        let (first, _) = try await backend("batches", replicas: 0, tag: "first")
        let (second, _) = try await backend("batches", replicas: 0, tag: "second")
        first.submit(
            Call(to: first, argument: ByteBuffer(), timeout: .milliseconds(1), sink: slow))
        try await Eventually.true { slow.isReached }
        #expect(!slow.wasOnClock)
        let sink = RecordingSink()
        second.submit(second.call(timeout: .milliseconds(1), sink: sink))
        try await Eventually.true { sink.answers.count == 1 }
        guard case .failure(let error) = sink.answers[0] else {
            Issue.record("an answer")
            return
        }
        #expect(error.code == .deadlineExceeded)
        // Whoever takes the backend out of service does not wait for ever.
        _ = await first.close(within: .milliseconds(50))
        _ = await second.close(within: .seconds(5))
    }

    @Test("calls that are refused while they wait are told so away from whoever refuses them")
    func refused() async throws {
        let slow = BlockingSink(clock: clock)
        let (backend, _) = try await backend("batches", replicas: 0)
        backend.submit(Call(to: backend, argument: ByteBuffer(), sink: slow))
        backend.expectNoReplica()
        try await Eventually.true { slow.isReached }
        slow.goOn.signal()
        _ = await backend.close(within: .seconds(5))
        #expect(slow.answers == 1)
    }
}

/// A caller that blocks until it is let go on, as a slow stage on the way to a caller does.
private final class BlockingSink: ResponseSink {
    let goOn = DispatchSemaphore(value: 0)
    private let clock: any EventLoop
    private let state = NIOLockedValueBox((isReached: false, wasOnClock: false, answers: 0))

    init(clock: any EventLoop) {
        self.clock = clock
    }

    var isReached: Bool { state.withLockedValue { $0.isReached } }
    var wasOnClock: Bool { state.withLockedValue { $0.wasOnClock } }
    var answers: Int { state.withLockedValue { $0.answers } }

    let requestID = "test"

    func rename(requestID: String) {}
    func makeMetadata() -> CallMetadata { CallMetadata(origin: .handle, requestID: "test") }
    func receive(part: CallResponse) -> Bool { true }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        let isOnClock = clock.inEventLoop
        state.withLockedValue { state in
            state.isReached = true
            state.wasOnClock = isOnClock
        }
        goOn.wait()
        state.withLockedValue { $0.answers += 1 }
    }
}
