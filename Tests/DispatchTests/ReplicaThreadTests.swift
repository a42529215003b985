import HostCore
import HostLoader
import HostPlugins
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

@Suite struct ReplicaThreadTests {
    // The backend numbers threads under its lock, and hands the work over after it: from several threads, in any order.
    @Test("a replica takes work for its threads in whatever order it comes")
    func order() async throws {
        let store = try LibraryStore()
        let copy = try store.copy(try Fixture.library("static_count"), name: "static_count")
        let generation = try PluginGeneration.load(
            copy, from: store, number: 1, logger: TestLog().logger)
        let replica = try await Replica.start(
            of: generation, index: 0, backend: "test", settings: BackendSettings())
        let backend = Backend.forTests()
        let callers = (0..<3).map { _ in RecordingSink() }
        for (thread, sink) in zip([2, 0, 1], callers) {
            let call = Call(to: backend, argument: ByteBuffer(), sink: sink)
            replica.worker.prepare(
                Assignment(
                    invocation: UInt64(thread), replica: replica.id, thread: thread,
                    work: .calls(method: 0, [call])),
                of: backend
            )?.wake()
        }
        try await Eventually.true { callers.allSatisfy { $0.answers.count == 1 } }
        try await replica.stop(timeout: .seconds(5))
    }
}
