import Backplane
import Foundation
import HostCore
import HostPipeline
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// The host's chain on a real connection: before routing, and around every response.
@Suite(.throttled) struct HostChainTests {
    private static let refusal = DispatchError(
        .refused(httpStatus: 403), "not today", headers: [("x-stage", "refused")])

    private static let marks = ClosureStage { request, sink, next in
        next.proceed(request, for: FilteringSink(Mark(), before: sink, next))
    }

    private struct Mark: ResponseFilter {
        func begin(_ head: inout ResponseHead) { head.add("x-mark", "\(head.status)") }
    }

    @Test("a stage refuses a request, and the connection goes on")
    func refuses() async throws {
        let stage = ClosureStage { request, sink, next in
            if request.headers.contains(name: "x-in") {
                next.proceed(request, for: sink)
            } else {
                next.refuse(sink, with: Self.refusal)
            }
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "first"))
            let refused = try await wire.response()
            #expect(refused.status == 403)
            #expect(refused["x-stage"] == "refused")
            #expect(refused["content-type"] == "application/problem+json")
            try await wire.send(Requests.call("echo", nil, "second", headers: ["X-In: 1"]))
            let answer = try await wire.response()
            #expect((answer.status, answer.text) == (200, "second"))
        }
    }

    @Test("an answer without a body has no length and no type")
    func noContent() async throws {
        let stage = ClosureStage { _, sink, next in
            next.respond(
                to: sink, with: CallResponse(status: 204, body: ByteBuffer(), contentType: ""))
        }
        try await TestHost.run(configure: ClosureStage.around(stage)) { host in
            let wire = try Wire(to: host)
            for _ in 0..<2 {
                try await wire.send(Requests.make("OPTIONS", "/anything"))
                let answer = try await wire.response()
                #expect(answer.statusLine == "HTTP/1.1 204 No Content")
                #expect(answer["content-length"] == nil)
                #expect(answer["content-type"] == nil)
            }
        }
    }

    @Test("routing follows what a stage makes of the request, and the plugin is told that")
    func rewrites() async throws {
        let stage = ClosureStage { request, sink, next in
            var request = request
            request.path = "/metadata"
            request.query = "a=1"
            request.headers.replaceOrAdd(name: "X-SERVE-CALL-METHOD", value: "__call__")
            request.headers.add(name: "x-added", value: "by a stage")
            next.proceed(request, for: sink)
        }
        try await TestHost.run(
            plugins: try Plugins.echo(and: "metadata"), configure: ClosureStage.around(stage)
        ) { host in
            let answer = try await HTTPTestClient(port: host.port)
                .send("POST", "/old?b=2", headers: ["X-SERVE-CALL-METHOD": "missing"])
            #expect(answer.status == 200)
            let lines = Set(answer.text.split(separator: "\n"))
            #expect(lines.isSuperset(of: ["path=/metadata", "query=a=1", "x-added=by a stage"]))
        }
    }

    @Test(
        "answers of all kinds pass the stages on their way out",
        arguments: [
            ("/echo", "POST", "", 200), ("/nowhere", "GET", "", 404), ("/echo", "PUT", "", 405),
            ("/-/routes", "GET", "", 200), ("/-/healthz", "POST", "", 405),
            ("/echo", "POST", "x-serve-call-method: missing", 404),
        ])
    func wayOut(path: String, method: String, header: String, status: Int) async throws {
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(Self.marks)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make(method, path, headers: header.isEmpty ? [] : [header]))
            let answer = try await wire.response()
            #expect(answer.status == status)
            #expect(answer["x-mark"] == "\(status)")
        }
    }

    @Test(
        "whoever asks whether the host is alive is answered, whatever the stages refuse",
        arguments: [("GET", "/-/healthz"), ("HEAD", "/-/healthz"), ("GET", "/-/healthz?a=1")])
    func probes(method: String, target: String) async throws {
        let stage = ClosureStage { _, sink, next in
            next.refuse(sink, with: Self.refusal)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let client = HTTPTestClient(port: host.port)
            let alive = try await client.send(method, target)
            #expect(alive.status == 200)
            // What tells of the host, or is no question, passes them.
            for (method, target) in [
                ("GET", "/-/routes"), ("GET", "/-/openapi.json"), ("POST", "/-/healthz"),
                ("GET", "/-/healthz/"), ("GET", "/%2D/healthz"), ("GET", "/echo"),
            ] {
                let refused = try await client.send(method, target)
                #expect(refused.status == 403)
            }
        }
    }

    @Test("a stage that waits elsewhere holds the request, not the connection's thread")
    func waits() async throws {
        let waiting = NIOLockedValueBox<[@Sendable () -> Void]>([])
        let stage = ClosureStage { request, sink, next in
            guard request.path == "/echo" else { return next.proceed(request, for: sink) }
            waiting.withLockedValue { $0.append { next.proceed(request, for: sink) } }
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let held = try Wire(to: host)
            try await held.send(Requests.call("echo", nil, "held"))
            let goOn = try await Eventually.value { waiting.withLockedValue { $0.first } }
            let answer = try await HTTPTestClient(port: host.port).send("GET", "/-/healthz")
            #expect(answer.status == 200)
            goOn()
            #expect(try await held.response().text == "held")
        }
    }

    @Test(
        "a client that goes away while a stage waits is noticed behind the stage, and no call made")
    func goesAway() async throws {
        let waiting = NIOLockedValueBox<[@Sendable () -> Void]>([])
        let ends = NIOLockedValueBox<[Int]>([])
        struct End: ResponseFilter {
            let ends: NIOLockedValueBox<[Int]>
            func end(_ error: DispatchError?) {
                ends.withLockedValue { $0.append(error?.httpStatus ?? 0) }
            }
        }
        let stage = ClosureStage { request, sink, next in
            guard request.path == "/echo" else { return next.proceed(request, for: sink) }
            let sink = FilteringSink(End(ends: ends), before: sink, next)
            waiting.withLockedValue { $0.append { next.proceed(request, for: sink) } }
        }
        try await TestHost.run(plugins: Plugins.echo) { configuration in
            configuration.eventLoopCount = 1
            ClosureStage.around(stage)(&configuration)
        } _: { host in
            do {
                let wire = try Wire(to: host)
                try await wire.send(Requests.call("echo", nil, "lost"))
                _ = try await Eventually.value { waiting.withLockedValue { $0.first } }
            }
            // The one loop sees the close before this, which came later.
            _ = try await HTTPTestClient(port: host.port).send("GET", "/-/healthz")
            waiting.withLockedValue { $0[0] }()
            #expect(try await Eventually.value { ends.withLockedValue { $0.first } } == 499)
        }
    }

    // MARK: Bodies

    @Test("a refusal before the body has arrived is sent when it has")
    func earlyRefusal() async throws {
        let stage = ClosureStage { _, sink, next in
            next.refuse(sink, with: Self.refusal)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Content-Length: 10"]) + "01234")
            try await wire.send("56789" + Requests.call("echo", nil, "next"))
            #expect(try await wire.response().status == 403)
            #expect(try await wire.response().status == 403)
        }
    }

    /// More than the window of a stream holds: whoever writes it goes on only when the client takes it.
    @Test(
        "a stage's stream goes out, as the connection's last answer, when the body is not taken",
        arguments: [["Expect: 100-continue", "Content-Length: 5"], ["Content-Length: 9000"]])
    func streamWithoutBody(headers: [String]) async throws {
        let parts = (0..<6).map { Array(repeating: UInt8(ascii: "a") + $0, count: 100 << 10) }
        let stage = ClosureStage { _, sink, _ in
            Thread.detachNewThread {
                for part in parts {
                    guard
                        sink.receive(
                            part: CallResponse(
                                body: ByteBuffer(bytes: part), contentType: "text/plain"))
                    else {
                        return
                    }
                }
                sink.receive(
                    .success(CallResponse(body: ByteBuffer(string: "end"), contentType: "")))
            }
        }
        try await TestHost.run(
            plugins: Plugins.echo,
            configure: { configuration in
                configuration.maxBodySize = 1_000
                ClosureStage.around(stage)(&configuration)
            }
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: headers))
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.closes)
            #expect(answer.body == parts.flatMap { $0 } + Array("end".utf8))
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a client that waits to be asked for its body is asked when a stage lets it through")
    func expectation() async throws {
        let stage = ClosureStage { request, sink, next in
            if request.headers.contains(name: "x-in") {
                next.proceed(request, for: sink)
            } else {
                next.refuse(sink, with: Self.refusal)
            }
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let expect = ["Expect: 100-continue", "Content-Length: 5"]
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: expect + ["X-In: 1"]))
            #expect(try await wire.response().status == 100)
            try await wire.send("hello")
            #expect(try await wire.response().text == "hello")
            try await wire.send(Requests.call("echo", nil, headers: expect))
            let refused = try await wire.response()
            #expect(refused.status == 403)
            #expect(refused.closes)
        }
    }

    @Test("a stage may take less than the host, by the announced length and by what comes")
    func smallerBodies() async throws {
        let stage = ClosureStage { request, sink, next in
            request.incoming?.lower(limit: 5)
            next.proceed(request, for: FilteringSink(Mark(), before: sink, next))
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "12345"))
            #expect(try await wire.response().status == 200)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                    + "3\r\n123\r\n3\r\n456\r\n")
            let refused = try await wire.response()
            #expect(refused.status == 413)
            #expect(refused["x-mark"] == "413")
            #expect(refused.closes)
        }
    }

    @Test("a stage has the body at once if all of it came with the head, and waits for no more")
    func wholeRequests() async throws {
        let seen = NIOLockedValueBox<[String?]>([])
        let stage = ClosureStage { request, sink, next in
            seen.withLockedValue { $0.append(request.body.map { String(buffer: $0) }) }
            next.proceed(request, for: sink)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "whole"))
            #expect(try await wire.response().text == "whole")
            try await wire.send(Requests.make("GET", "/echo"))
            #expect(try await wire.response().text == "")
            let request = Requests.call("echo", nil, "pieces")
            try await wire.send(String(request.dropLast(3)))
            _ = try await Eventually.value { seen.withLockedValue { $0.count == 3 ? $0 : nil } }
            try await wire.send(String(request.suffix(3)))
            #expect(try await wire.response().text == "pieces")
            // What is pipelined waits, and is seen as whole as it has come.
            try await wire.send(
                Requests.call("echo", nil, "first") + Requests.call("echo", nil, "second"))
            #expect(try await wire.response().text == "first")
            #expect(try await wire.response().text == "second")
            #expect(seen.withLockedValue { $0 } == ["whole", "", nil, "first", "second"])
        }
    }

    @Test("stages that saw a head are told when what comes with it is no body")
    func malformedBody() async throws {
        let ends = NIOLockedValueBox<[DispatchError.Code]>([])
        struct End: ResponseFilter {
            let ends: NIOLockedValueBox<[DispatchError.Code]>
            func end(_ error: DispatchError?) {
                if let error { ends.withLockedValue { $0.append(error.code) } }
            }
        }
        let stage = ClosureStage { request, sink, next in
            let filter = End(ends: ends)
            next.proceed(request, for: FilteringSink(filter, before: sink, next))
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"]) + "no size\r\n")
            let refused = try await wire.response()
            #expect(refused.status == 400)
            #expect(refused.closes)
            _ = try await Eventually.value { ends.withLockedValue { $0.first } }
            #expect(ends.withLockedValue { $0 } == [.refused(httpStatus: 400)])
        }
    }

    @Test("a stage that reads bodies gets all of one, and may change it")
    func changesBody() async throws {
        let stage = ClosureStage(readsBody: true) { request, sink, next in
            var request = request
            request.body = ByteBuffer(string: String(buffer: request.body!).uppercased())
            next.proceed(request, for: sink)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                    + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
            #expect(try await wire.response().text == "ABCDEF")
        }
    }
}
