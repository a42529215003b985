import Backplane
import HTTPTypes
import HostDeployment
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

/// Middleware that the program brings along which runs the host.
@Suite struct ProgramMiddlewareTests {
    private static let mark = HTTPField.Name("x-mark")!

    // MARK: Requests

    @Test("it is told the whole request, and what it makes of it is routed and called")
    func rewrites() async throws {
        let seen = NIOLockedValueBox<StageRequest?>(nil)
        let stage = InlineMiddleware { request, next in
            seen.withLockedValue { $0 = request }
            var request = request
            request.head.path = "/metadata?a=1"
            request.head.headerFields[Self.mark] = "in"
            request.callMethod = "__call__"
            return try await next(request)
        }
        try await TestHost.run(plugins: try Fixture.besideEcho("metadata")) {
            $0.middleware = [stage]
        } _: { host in
            let answer = try await host.http.send(
                "POST", "/old%20path?b=2",
                headers: ["X-SERVE-CALL-METHOD": "missing", "x-twice": "1"], body: "body")
            #expect(answer.status == 200, "\(answer.text)")
            let lines = Set(answer.text.split(separator: "\n"))
            #expect(
                lines.isSuperset(of: ["path=/metadata", "query=a=1", "x-mark=in", "x-twice=1"]),
                "\(lines)")
            let request = try #require(seen.withLockedValue { $0 })
            #expect(request.head.method == .post)
            #expect(request.head.path == "/old%20path?b=2")
            #expect(request.head.authority == "127.0.0.1:\(host.port)")
            #expect(request.callMethod == "missing")
            #expect(request.remoteAddress?.ipAddress == "127.0.0.1")
            #expect(!request.isHandleCall && !request.requestID.isEmpty)
            #expect(try await request.body.collect() == ByteBuffer(string: "body"))
        }
    }

    @Test("it may read the body, and put another in its place", arguments: [1, 1 << 20])
    func body(size: Int) async throws {
        let stage = InlineMiddleware { request, next in
            var request = request
            let text = String(buffer: try await request.body.collect())
            request.body = StageBody(text.uppercased() + "!")
            return try await next(request)
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [stage]
        } _: { host in
            let answer = try await host.http.call(
                "echo", nil, String(repeating: "a", count: size))
            #expect(answer.text == String(repeating: "A", count: size) + "!")
        }
    }

    @Test("a body over the host's limit is 413, and no fault of the stage")
    func largeBody() async throws {
        let stage = InlineMiddleware { request, next in
            _ = try await request.body.collect()
            return try await next(request)
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [stage]
            $0.maxBodySize = 10
        } _: { host in
            // In a chunk, which doesn't say so before.
            let socket = try RawSocket(port: host.port)
            try socket.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "b\r\n12345678901\r\n")
            let answer = socket.receive()
            #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
            #expect(answer.contains("content-type: application/problem+json"))
            let stage = try await host.outermostStage()
            #expect((stage.calls, stage.errors) == (1, 0))
        }
    }

    @Test("a handle's call passes it around a backend, and not around all endpoints")
    func handleCall() async throws {
        let stage = InlineMiddleware { request, next in
            var request = request
            request.callMethod = "upper"
            #expect(request.isHandleCall && request.head.path == "/echo")
            return try await next(request)
        }
        let refuses = InlineMiddleware { _, _ in throw StageRefusal(.forbidden, "not by HTTP") }
        try await TestHost.run(
            plugins: try Fixture.besideEcho(), manifests: ["echo": "middleware: [upper]"]
        ) {
            $0.middleware = [refuses]
            $0.addMiddleware("upper") { stage }
        } _: { host in
            let answer = try await host.host.handle("echo").remote("hello").text()
            #expect(answer == "HELLO")
            #expect(try await host.http.call("echo").status == 403)
        }
    }

    // MARK: Answers

    @Test("the first is the outermost, and each may add to any answer, errors among them")
    func order() async throws {
        func adds(_ letter: String) -> InlineMiddleware {
            InlineMiddleware(name: letter) { request, next in
                var response = try await next(request)
                response.headerFields[Self.mark] = (response.headerFields[Self.mark] ?? "") + letter
                return response
            }
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [adds("a"), adds("b")]
        } _: { host in
            for (path, status) in [("/echo", 200), ("/nowhere", 404)] {
                let answer = try await host.http.send("POST", path, body: "x")
                #expect(answer.status == status)
                #expect(answer.headers["x-mark"] == "ba")
            }
            #expect(
                try await host.http.send("POST", "/nowhere").headers["content-type"]
                    == "application/problem+json")
            let chain = await host.operations.middleware()[0]
            #expect(chain.stages.map(\.name) == ["a", "b"])
            #expect(chain.stages.map(\.origin) == ["program", "program"])
            #expect(chain.stages.map(\.calls) == [3, 3] && chain.stages.map(\.errors) == [0, 0])
        }
    }

    @Test("it answers by itself, whole or in pieces")
    func answers() async throws {
        let stage = InlineMiddleware { request, next in
            switch request.head.path {
            case "/whole":
                StageResponse(
                    .created, headerFields: [.contentType: "text/plain"], body: StageBody("whole"))
            case "/pieces":
                StageResponse(
                    body: StageBody(
                        pieces: AsyncStream { pieces in
                            for piece in ["one ", "two ", "three"] {
                                pieces.yield(ByteBuffer(string: piece))
                            }
                            pieces.finish()
                        }))
            default: try await next(request)
            }
        }
        try await TestHost.run {
            $0.middleware = [stage]
        } _: { host in
            let whole = try await host.http.send("GET", "/whole")
            #expect((whole.status, whole.text) == (201, "whole"))
            #expect(whole.headers["content-type"] == "text/plain")
            #expect(whole.headers["content-length"] == "5")
            let pieces = try await host.http.send("GET", "/pieces")
            #expect((pieces.status, pieces.text) == (200, "one two three"))
            #expect(pieces.headers["transfer-encoding"] == "chunked")
        }
    }

    @Test("what it makes of a failure is an answer of its own")
    func errorPage() async throws {
        let stage = InlineMiddleware { request, next in
            var response = try await next(request)
            if let failure = response.failure, failure.httpStatus == 404 {
                response.body = StageBody("nothing here")
                response.headerFields[.contentType] = "text/html"
            }
            return response
        }
        try await TestHost.run {
            $0.middleware = [stage]
        } _: { host in
            let answer = try await host.http.send("GET", "/nowhere")
            #expect((answer.status, answer.text) == (404, "nothing here"))
            #expect(answer.headers["content-type"] == "text/html")
        }
    }

    @Test("a request may be sent again")
    func again() async throws {
        let stage = InlineMiddleware { request, next in
            let first = try await next(request)
            guard first.failure != nil else { return first }
            var request = request
            request.head.path = "/echo"
            return try await next(request)
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [stage]
        } _: { host in
            let answer = try await host.http.send("POST", "/nowhere", body: "again")
            #expect((answer.status, answer.text) == (200, "again"))
            #expect(try await host.outermostStage().calls == 1)
        }
    }

    // MARK: Errors

    struct Surprise: Error {}

    @Test(
        "what it throws is a problem of that status, and its error",
        arguments: [("refusal", 429), ("call", 404), ("surprise", 500)])
    func errors(kind: String, status: Int) async throws {
        let hosts = NIOLockedValueBox<BackplaneHost?>(nil)
        let stage = InlineMiddleware { request, next in
            switch kind {
            case "refusal":
                throw StageRefusal(
                    .tooManyRequests, "slowly", headerFields: [.retryAfter: "7"])
            case "call":
                let host = try #require(hosts.withLockedValue { $0 })
                _ = try await host.handle("echo").options(methodName: "nope").remote().response()
                return try await next(request)
            default: throw Surprise()
            }
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [stage]
        } _: { host in
            hosts.withLockedValue { $0 = host.host }
            let answer = try await host.http.call("echo")
            #expect(answer.status == status)
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.headers["retry-after"] == (kind == "refusal" ? "7" : nil))
            #expect(!answer.text.contains("Surprise"))
            #expect(
                host.log.count(containing: "Surprise()") == (kind == "surprise" ? 1 : 0))
            let stage = try await host.outermostStage()
            #expect((stage.calls, stage.errors) == (1, 1))
        }
    }

    @Test("an error of the plugin that passes is none of the stage's")
    func passingErrors() async throws {
        let stage = InlineMiddleware { request, next in
            let response = try await next(request)
            if let failure = response.failure { throw failure }
            return response
        }
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [stage]
        } _: { host in
            let answer = try await host.http.call("echo", "nope")
            #expect(answer.status == 404 && answer.text.contains("echo has no method nope"))
            #expect(try await host.outermostStage().errors == 0)
        }
    }
}
