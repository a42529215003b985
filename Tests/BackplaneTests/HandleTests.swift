import Backplane
import Foundation
import HTTPTypes
import HostDeployment
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

/// Handles of a program that runs a host.
@Suite struct HandleTests {
    private static let examples = [
        "libecho.so": Repository.product("libecho.so"),
        "libcounter.so": Repository.product("libcounter.so"),
    ]

    @Test("the FAQ's StatefulProcessor, through a handle")
    func statefulProcessor() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let handle = try host.host.handle("counter")
            #expect(try await handle.remote().json([String: Int].self) == ["current": 1])
            #expect(try await handle.options(methodName: "other_method").remote(5).json() == true)
            #expect(try await handle.remote().json([String: Int].self) == ["current": 6])
        }
    }

    @Test("options make a new handle, keep what they don't name, and leave the old one as it was")
    func options() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let plain = try host.host.handle("echo")
            let upper = plain.options(methodName: "upper")
            #expect(try await upper.options(timeout: .seconds(5)).remote("hi").text() == "HI")
            #expect(try await plain.remote("hi").text() == "hi")
        }
    }

    @Test("a shard key reaches the plugin")
    func shardKey() async throws {
        let plugins = ["libserve_request.so": try Fixture.library("serve_request")]
        try await TestHost.run(plugins: plugins) { host in
            let handle = try host.host.handle("serve_request").options(methodName: "shard_key")
            #expect(try await handle.options(shardKey: "ann").remote().text() == "ann")
            #expect(try await handle.remote().text() == "")
        }
    }

    @Test("answers come as JSON, text and bytes, with their content type")
    func decoding() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let echo = try host.host.handle("echo")
            #expect(try await echo.remote([1, 2, 3]).json() == [1, 2, 3])
            #expect(try await echo.remote("é").bytes() == [0xC3, 0xA9])
            let answer = try await echo.remote(.bytes([0, 1], contentType: "a/b")).response()
            #expect(answer.contentType == "a/b")
            #expect(answer.bytes == [0, 1])
            let error = await #expect(throws: CallError.self) {
                try await echo.remote("no JSON").json(Int.self)
            }
            #expect(error?.code == .unexpectedResponse)
        }
    }

    @Test("an argument that can't be encoded is an error of the answer")
    func unencodable() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let answer = try host.host.handle("echo").remote(Double.nan)
            let error = await #expect(throws: CallError.self) { try await answer.response() }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("JSON") == true)
        }
    }

    @Test("an unknown method and a plugin's failure say what HTTP says")
    func failures() async throws {
        let plugins = Self.examples.merging(["libstatuses.so": try Fixture.library("statuses")]) {
            first, _ in first
        }
        try await TestHost.run(plugins: plugins) { host in
            let unknown = try host.host.handle("echo").options(methodName: "nope").remote()
            let error = await #expect(throws: CallError.self) { try await unknown.response() }
            #expect(error?.code == .unknownMethod && error?.httpStatus == 404)
            #expect(error?.message.contains("upper") == true)

            // 8: RESOURCE_EXHAUSTED.
            let failed = try host.host.handle("statuses").remote("8")
            let failure = await #expect(throws: CallError.self) { try await failed.response() }
            #expect(failure?.code == .plugin && failure?.status == "RESOURCE_EXHAUSTED")
            #expect(failure?.httpStatus == 429 && failure?.message == "as asked")
        }
    }

    // MARK: Endpoints that come and go

    @Test("a handle to a missing endpoint is refused, and names those there are")
    func missing() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let error = #expect(throws: CallError.self) { try host.host.handle("nope") }
            #expect(error?.code == .unknownEndpoint)
            #expect(error?.message == "no endpoint nope; there are: counter, echo")
        }
    }

    @Test("with missingOK calls wait for the endpoint, and find it when it comes")
    func missingOK() async throws {
        try await TestHost.run { host in
            let echo = try host.host.handle("echo", missingOK: true)
            let early = echo.remote("early")
            try Fixture.place(
                Repository.product("libecho.so"), as: "libecho.so", in: host.pluginsDirectory)
            #expect(try await early.text() == "early")
            #expect(try await echo.remote("later").text() == "later")
        }
    }

    @Test("with missingOK a call for an endpoint that never comes ends with its timeout")
    func neverComes() async throws {
        try await TestHost.run { host in
            let nowhere = try host.host.handle("nowhere", missingOK: true)
                .options(timeout: .milliseconds(50))
            let error = await #expect(throws: CallError.self) {
                try await nowhere.remote().response()
            }
            #expect(error?.code == .deadlineExceeded)
            let cancelled = try host.host.handle("nowhere", missingOK: true).remote()
            cancelled.cancel()
            let end = await #expect(throws: CallError.self) { try await cancelled.response() }
            #expect(end?.code == .cancelled)
        }
    }

    @Test("an old handle fails when its endpoint is gone, and works again when it is back")
    func goes() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let echo = try host.host.handle("echo")
            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/libecho.so")
            _ = try await host.wait(for: "echo") { $0.state == .retired }
            let error = await #expect(throws: CallError.self) { try await echo.remote().response() }
            #expect(error?.code == .unknownEndpoint && error?.httpStatus == 404)
            try Fixture.place(
                Repository.product("libecho.so"), as: "libecho.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "echo") { $0.state == .serving }
            #expect(try await echo.remote("back").text() == "back")
        }
    }

    // MARK: Limits, and taking back

    @Test("a timeout shortens the backend's and can't extend it", arguments: [50, 60_000])
    func timeout(milliseconds: Int) async throws {
        try await TestHost.run(
            plugins: ["libblocks.so": try Fixture.library("blocks")],
            manifests: ["blocks": milliseconds == 50 ? "" : "request_timeout: 100ms"]
        ) { host in
            let handle = try host.host.handle("blocks").options(
                methodName: "sleep", timeout: .milliseconds(milliseconds))
            let error = await #expect(throws: CallError.self) {
                try await handle.remote("400").response()
            }
            #expect(error?.code == .deadlineExceeded && error?.httpStatus == 504)
        }
    }

    @Test("a full queue refuses handle calls as it does HTTP calls")
    func queueFull() async throws {
        try await TestHost.run(
            plugins: ["libwaits.so": try Fixture.library("waits")],
            manifests: ["waits": "max_queued_requests: 1"]
        ) { host in
            let gate = host.directory.file("gate")
            let handle = try host.host.handle("waits")
            let running = handle.remote(gate)
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            let waiting = handle.remote(gate)
            let error = await #expect(throws: CallError.self) {
                try await handle.remote(gate).response()
            }
            #expect(error?.code == .queueFull && error?.httpStatus == 503)
            #expect(FileManager.default.createFile(atPath: gate, contents: nil))
            #expect(try await running.text() == "open")
            #expect(try await waiting.text() == "open")
        }
    }

    @Test("cancel, and the cancellation of the task that waits, reach the plugin")
    func cancel() async throws {
        try await TestHost.run(plugins: ["libwaits.so": try Fixture.library("waits")]) { host in
            let handle = try host.host.handle("waits")
            let never = host.directory.file("never")
            let answer = handle.remote(never)
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            answer.cancel()
            let error = await #expect(throws: CallError.self) { try await answer.response() }
            #expect(error?.code == .cancelled && error?.httpStatus == 499)
            _ = try await host.wait(for: "waits") { $0.calls.running == 0 }

            let task = Task { try await handle.remote(never).response() }
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            task.cancel()
            await #expect(throws: CallError.self) { try await task.value }
            _ = try await host.wait(for: "waits") { $0.calls.running == 0 }
        }
    }

    @Test("an answer that nobody waits for is no reason to stop")
    func dropped() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let counter = try host.host.handle("counter").options(methodName: "other_method")
            for _ in 0..<100 { _ = counter.remote(1) }
            try await Eventually.true {
                try await host.http.call("counter").text == #"{"current":101}"#
            }
        }
    }

    @Test("handle calls and HTTP calls share the count, from many tasks at once")
    func mixed() async throws {
        try await TestHost.run(plugins: Self.examples) { host in
            let add = try host.host.handle("counter").options(methodName: "other_method")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<250 {
                            let added: Bool = try await add.remote(1).json()
                            #expect(added)
                        }
                    }
                    group.addTask {
                        for _ in 0..<25 {
                            let answer = try await host.http.call("counter", "other_method", "1")
                            #expect(answer.text == "true")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let expected = 1 + 8 * 250 + 8 * 25
            #expect(try await host.http.call("counter").text == #"{"current":\#(expected)}"#)
        }
    }

    // MARK: Native objects

    @Test("a native object of the program is kept until the plugin has finished, then released")
    func nativeObject() async throws {
        final class Guarded: Sendable {
            let released: NIOLockedValueBox<Bool>
            init(_ released: NIOLockedValueBox<Bool>) { self.released = released }
            deinit { released.withLockedValue { $0 = true } }
        }
        let released = NIOLockedValueBox(false)
        try await TestHost.run(plugins: ["libwaits.so": try Fixture.library("waits")]) { host in
            // Without a body there is nothing to wait for but the cancellation.
            var answer: HandleResponse? = try host.host.handle("waits").remote(
                .native(Guarded(released), type: "guarded"))
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            #expect(!released.withLockedValue { $0 })
            answer?.cancel()
            answer = nil
            try await Eventually.true { released.withLockedValue { $0 } }
        }
    }

    @Test("a request of swift-http-types is a web request")
    func httpTypes() async throws {
        var request = HTTPRequest(
            method: .put, scheme: "http", authority: "example.org", path: "/a?b=c")
        request.headerFields[.contentType] = "text/x"
        let web = WebRequest(request, body: ByteBuffer(string: "body"))
        #expect(web.method == "PUT" && web.path == "/a" && web.query == "b=c")
        #expect(web.headers.map(\.name) == ["host", "content-type"])
        #expect(String(buffer: web.body) == "body")
    }
}
