import Backplane
import HostCore
import HostDispatch
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@Suite struct CallObserverTests {
    private final class Recorder: CallObserver {
        struct Event: Sendable {
            let name: String
            let call: ObservedCall
        }

        let events = NIOLockedValueBox<[Event]>([])

        func admitted(_ call: ObservedCall) { note("admitted", call) }
        func started(_ call: ObservedCall) { note("started", call) }
        func finished(_ call: ObservedCall) { note("finished", call) }

        private func note(_ name: String, _ call: ObservedCall) {
            events.withLockedValue { $0.append(Event(name: name, call: call)) }
        }

        func take() -> [Event] {
            events.withLockedValue { events in
                defer { events = [] }
                return events
            }
        }
    }

    private func run(
        _ plugins: [String: String], manifests: [String: String] = [:],
        _ body: (TestHost, Recorder) async throws -> Void
    ) async throws {
        let recorder = Recorder()
        try await TestHost.run(plugins: plugins, manifests: manifests) {
            $0.callObserver = recorder
        } _: { host in
            try await body(host, recorder)
        }
    }

    @Test(
        "a call is admitted, started and finished, on a replica's thread and inline",
        arguments: ["__call__", "inline"])
    func order(method: String) async throws {
        try await run(["libecho.so": Repository.product("libecho.so")]) { host, recorder in
            _ = try await HTTPTestClient(port: host.port).call("echo", method, "x")
            let events = recorder.take()
            #expect(events.map(\.name) == ["admitted", "started", "finished"])
            let last = try #require(events.last?.call)
            #expect((last.endpoint, last.backend, last.plugin) == ("echo", "echo", "echo"))
            #expect((last.method, last.batchSize, last.status) == (method, 1, 200))
            let (admitted, started) = (try #require(last.admitted), try #require(last.started))
            #expect(try admitted <= started && started <= #require(last.finished))
            #expect(!last.isInShadow && !last.isStreamed)
        }
    }

    @Test("a call that is refused is finished alone, with its status")
    func refused() async throws {
        try await run(["libecho.so": Repository.product("libecho.so")]) { host, recorder in
            _ = try await HTTPTestClient(port: host.port).call("echo", "nothing", "x")
            let events = recorder.take()
            #expect(events.map(\.name) == ["finished"])
            #expect(events.first?.call.status == 404)
            #expect(events.first?.call.admitted == nil)
        }
    }

    @Test("a batch says how many calls it has, and each of them when it began")
    func batches() async throws {
        try await run(
            ["batches.so": Fixture.library("batches")],
            manifests: ["batches": "max_batch_size: 8\nbatch_wait_timeout: 2s"]
        ) { host, recorder in
            let client = HTTPTestClient(port: host.port)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask { _ = try await client.call("batches", nil, "x") }
                }
                try await group.waitForAll()
            }
            let finished = recorder.take().filter { $0.name == "finished" }.map(\.call)
            #expect(finished.count == 8)
            #expect(finished.allSatisfy { $0.started != nil && $0.batchSize >= 1 })
            let sizes = Dictionary(grouping: finished) { $0.started }.values.map(\.count)
            #expect(sizes.reduce(0, +) == 8)
            #expect(finished.allSatisfy { call in sizes.contains { $0 >= call.batchSize } })
        }
    }

    @Test("a stream has the status of its head, and a deadline that passes has 504")
    func ends() async throws {
        try await run(
            [
                "streams.so": Fixture.library("streams"), "blocks.so": Fixture.library("blocks"),
            ], manifests: ["blocks": "request_timeout: 20ms"]
        ) { host, recorder in
            let client = HTTPTestClient(port: host.port)
            _ = try await client.call("streams", "sync", "3")
            let stream = try #require(recorder.take().last?.call)
            #expect((stream.status, stream.isStreamed) == (200, true))

            let late = try await client.call("blocks", "until_cancelled", "")
            #expect(late.status == 504)
            let events = recorder.take()
            #expect(events.map(\.name) == ["admitted", "started", "finished"])
            #expect(events.last?.call.status == 504)
        }
    }
}
