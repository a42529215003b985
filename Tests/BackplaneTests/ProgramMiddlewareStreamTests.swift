import Backplane
import HTTPTypes
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// Streams through the program's middleware, and what becomes of requests that wait in it.
@Suite struct ProgramMiddlewareStreamTests {
    @Test("a plugin's stream passes piece by piece, and may be changed on the way")
    func streams() async throws {
        let stage = InlineMiddleware { request, next in
            var response = try await next(request)
            #expect(response.body.whole == nil)
            response.body = response.body.map {
                ByteBuffer(string: String(buffer: $0).uppercased())
            }
            return response
        }
        try await TestHost.run(plugins: try Fixture.besideEcho("streams")) {
            $0.middleware = [stage]
        } _: { host in
            let expected = (0..<1_000).map { "PART \($0)\n" }.joined() + "END\n"
            let answer = try await host.http.call("streams", nil, "1000")
            #expect(answer.text == expected)
            #expect(answer.headers["content-type"] == "text/plain")
            await #expect(throws: (any Error).self) {
                _ = try await host.http.call("streams", "breaks")
            }
        }
    }

    @Test("a reader that is slow holds back the plugin behind it, and no thread of Swift's")
    func backpressure() async throws {
        let passes = InlineMiddleware { request, next in try await next(request) }
        try await TestHost.run(
            plugins: try Fixture.besideEcho("floods"),
            manifests: ["floods": "max_concurrent_queries: 64"]
        ) {
            $0.middleware = [passes, passes]
        } _: { (host: TestHost) async throws in
            // More than Swift has threads.
            let sockets = try (0..<2 * System.coreCount).map { _ in try RawSocket(port: host.port) }
            for socket in sockets {
                try socket.send(
                    "POST /floods HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n512")
            }
            // Until the plugin makes no more progress.
            var (before, repeats) = ("", 0)
            try await Eventually.true {
                let now = try await host.http.call("floods", "progress").text
                repeats = now == before && now != "0 0" ? repeats + 1 : 0
                before = now
                return repeats == 50
            }
            let written = try #require(Int(before.split(separator: " ")[0]))
            #expect(written < 256 * sockets.count)
            let answer = try await host.http.call("echo", nil, "alive")
            #expect(answer.text == "alive")
            for socket in sockets { socket.close() }
            // 1: CANCELLED.
            try await Eventually.true {
                try await host.http.call("floods", "progress").text.hasSuffix(" 1")
            }
        }
    }

    // MARK: Waiting

    @Test("an inline method behind it runs on an event loop or a replica's thread, never Swift's")
    func inline() async throws {
        let passes = InlineMiddleware { request, next in try await next(request) }
        try await TestHost.run(
            plugins: try Fixture.besideEcho("slow_inline"),
            manifests: ["slow_inline": "middleware: [passes]"]
        ) {
            $0.addMiddleware("passes") { passes }
        } _: { host in
            // Three calls that overstay on the thread that submits them would have it demoted.
            let handle = try host.host.handle("slow_inline")
            for _ in 0..<10 { _ = try await handle.remote().response() }
            #expect(try await host.status(of: "slow_inline")?.demotedMethods == [])
            #expect(try await host.http.call("slow_inline").text.hasPrefix("NIO"))
            let chain = try #require(
                await host.operations.middleware().first { $0.backend == "slow_inline" })
            #expect(chain.stages.map(\.calls) == [11])
        }
    }

    @Test("its task is cancelled when the client goes away, and then nothing is called")
    func clientGoesAway() async throws {
        let (started, start) = AsyncStream<Void>.makeStream()
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let stage = InlineMiddleware { request, next in
            guard request.head.path == "/echo" else { return try await next(request) }
            start.yield()
            try? await Task.sleep(for: .seconds(60))
            end.yield(Task.isCancelled)
            return try await next(request)
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [stage]
        } _: { host in
            do {
                let socket = try RawSocket(port: host.port)
                try socket.send(
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
                for await _ in started { break }
            }
            for await isCancelled in ended {
                #expect(isCancelled)
                break
            }
            try await Eventually.true { try await host.outermostStage().calls == 1 }
            #expect(try await host.outermostStage().errors == 0)
        }
    }

    @Test("a stage in front that gives up ends it as well")
    func timeout() async throws {
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let stage = InlineMiddleware { _, _ in
            try? await Task.sleep(for: .seconds(60))
            end.yield(Task.isCancelled)
            throw CancellationError()
        }
        try await TestHost.run(
            plugins: try Fixture.besideEcho(),
            manifests: ["echo": "middleware: [timeout: {after: 100ms}, waits]"]
        ) {
            $0.addMiddleware("waits") { stage }
        } _: { (host: TestHost) async throws in
            #expect(try await host.http.call("echo").status == 504)
            for await isCancelled in ended {
                #expect(isCancelled)
                break
            }
            let call = try host.host.handle("echo").remote("x")
            let failure = await #expect(throws: CallError.self) { try await call.response() }
            #expect(failure?.code == .deadlineExceeded)
        }
    }
}
