import Dispatch
import HostCore
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// Dispatch on workers that have nothing to do with libraries: what it needs of one is in ``ReplicaWorker``.
@Suite struct ReplicaWorkerTests {
    /// Upper-cases the argument, on a queue of its own, and says what it was asked.
    private final class Worker: ReplicaWorker {
        private let queue = DispatchQueue(label: "worker")
        let events = NIOLockedValueBox<[String]>([])
        let isHealthy = NIOLockedValueBox(true)

        private func note(_ event: String) { events.withLockedValue { $0.append(event) } }

        func prepare(_ assignment: Assignment, of owner: any AssignmentOwner) -> (any Wakeable)? {
            queue.async {
                var next: Assignment? = assignment
                while let assignment = next {
                    self.run(assignment, of: owner)
                    next = owner.returned(assignment)
                }
            }
            return nil
        }

        func runInline(_ assignment: Assignment, of owner: any AssignmentOwner) {
            note("inline")
            run(assignment, of: owner)
        }

        private func run(_ assignment: Assignment, of owner: any AssignmentOwner) {
            switch assignment.work {
            case .calls(_, let calls):
                note("\(calls.count) calls")
                for call in calls {
                    let text = String(buffer: call.argument).uppercased()
                    call.finish(
                        .success(CallResponse(body: ByteBuffer(string: text), contentType: "")))
                }
            case .healthCheck:
                let error =
                    isHealthy.withLockedValue { $0 } ? nil : PluginError(.lifecycleFailed, "ill")
                owner.healthChecked(assignment.replica, error)
            }
        }

        func warmUp(within limit: Duration) async throws(PluginError) { note("warm-up") }
        func checkHealth(within limit: Duration) async throws(PluginError) { note("health") }
        func save(within limit: Duration) async throws(PluginError) -> [UInt8] { [1, 2] }
        func restore(_ state: [UInt8], within limit: Duration) async throws(PluginError) {
            note("restored \(state)")
        }
        func reconfigure(_ userConfig: String, within limit: Duration) async throws(PluginError) {
            note("configured \(userConfig)")
        }
        func stop(within limit: Duration) async throws(PluginError) { note("stopped") }
        func abandon() { note("abandoned") }
    }

    private final class Source: ReplicaSource {
        let number = 1
        let methods = [
            MethodTraits(
                name: "__call__", isBatchable: true, isInline: false, isAsync: false,
                isReentrant: false, isIdempotent: false, preferredBatchSize: nil),
            MethodTraits(
                name: "quick", isBatchable: false, isInline: true, isAsync: false,
                isReentrant: false, isIdempotent: true, preferredBatchSize: nil),
        ]
        let isReentrant = false
        let tellsHealth = true
        let handsStateOver = true
        let takesNewConfiguration = true
        let hasBatchKeys = false
        let made = NIOLockedValueBox<[Worker]>([])

        func batchKey(of call: any PluginCall, method: Int) -> UInt64 { 0 }

        func makeWorker(
            replica index: Int, backend: String, userConfig: String, within limit: Duration
        ) async throws(PluginError) -> any ReplicaWorker {
            let worker = Worker()
            made.withLockedValue { $0.append(worker) }
            return worker
        }

        var events: [[String]] {
            made.withLockedValue { $0 }.map { $0.events.withLockedValue { $0 } }
        }
    }

    private func call(_ backend: Backend, _ method: String, _ body: String) -> RecordingSink {
        let sink = RecordingSink()
        backend.submit(
            Call(to: backend, method: method, argument: ByteBuffer(string: body), sink: sink))
        return sink
    }

    @Test("a worker of any kind runs calls, on its own thread or inline")
    func calls() async throws {
        let (source, backend) = (Source(), Backend.forTests())
        let set = try await ReplicaSet.start(
            of: source, backend: "test", settings: BackendSettings(), count: 1)
        #expect(source.events == [["warm-up", "health"]])
        backend.install(set.replicas, of: source)

        let sink = call(backend, "__call__", "one")
        try await Eventually.true { sink.answers.count == 1 }
        #expect(try String(buffer: sink.answers[0].get().body) == "ONE")
        let inline = call(backend, "quick", "two")
        #expect(try String(buffer: #require(inline.answers.first).get().body) == "TWO")
        #expect(source.events == [["warm-up", "health", "1 calls", "inline", "1 calls"]])
        #expect(backend.isIdempotent(method: "quick") && !backend.isIdempotent(method: "__call__"))

        #expect(await backend.close(within: .seconds(5)))
        #expect(await set.stop().isEmpty)
        #expect(source.events[0].last == "stopped")
    }

    @Test("state and configuration go to a worker of any kind")
    func lifecycle() async throws {
        let (old, new) = (Source(), Source())
        let settings = BackendSettings()
        let first = try await ReplicaSet.start(
            of: old, backend: "test", settings: settings, count: 2)
        let second = try await ReplicaSet.start(
            of: new, backend: "test", settings: settings, count: 2)
        try await first.handState(to: second)
        try await second.reconfigure("{}")
        #expect(
            new.events == [
                ["warm-up", "health", "restored [1, 2]", "configured {}"],
                ["warm-up", "health", "restored [1, 2]", "configured {}"],
            ])
        first.abandon()
        #expect(old.events.map(\.last) == ["abandoned", "abandoned"])
    }

    @Test("a worker that says it is ill loses its place")
    func health() async throws {
        let source = Source()
        var settings = BackendSettings()
        settings.healthCheckPeriod = .milliseconds(5)
        settings.healthCheckFailures = 2
        let backend = Backend.forTests(settings)
        let lost = NIOLockedValueBox<[String]>([])
        backend.onReplicaLost { _, loss in lost.withLockedValue { $0.append(loss.reason) } }
        let set = try await ReplicaSet.start(
            of: source, backend: "test", settings: settings, count: 1)
        backend.install(set.replicas, of: source)
        source.made.withLockedValue { $0[0] }.isHealthy.withLockedValue { $0 = false }
        try await Eventually.true { lost.withLockedValue { $0 } == ["ill"] }
        #expect(backend.status.replicas == 0)
        #expect(await backend.close(within: .seconds(5)))
        #expect(await set.stop().isEmpty)
    }
}
