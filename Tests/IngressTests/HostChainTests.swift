import Backplane
import HostDispatch
import HostMiddleware
import HostPlugins
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

/// The host's chain on a real connection: before routing, and around every answer.
@Suite(.throttled) struct HostChainTests {
    private static let refusal = DispatchError(
        .refused(httpStatus: 403), "not today", headers: [("x-stage", "refused")])

    private static let marks = ClosureStage { request, caller, passage in
        passage.proceed(request, for: FilteringCaller(Mark(), before: caller, passage))
    }

    private struct Mark: AnswerFilter {
        func begin(_ head: inout AnswerHead) { head.add("x-mark", "\(head.status)") }
    }

    @Test("a stage refuses a request, and the connection goes on")
    func refuses() async throws {
        let stage = ClosureStage { request, caller, passage in
            if request.headers.contains(name: "x-in") {
                passage.proceed(request, for: caller)
            } else {
                passage.refuse(caller, with: Self.refusal)
            }
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "first"))
            let refused = try await wire.answer()
            #expect(refused.status == 403)
            #expect(refused["x-stage"] == "refused")
            #expect(refused["content-type"] == "application/problem+json")
            try await wire.send(Requests.call("echo", nil, "second", headers: ["X-In: 1"]))
            let answer = try await wire.answer()
            #expect((answer.status, answer.text) == (200, "second"))
        }
    }

    @Test("an answer without a body has no length and no type")
    func noContent() async throws {
        let stage = ClosureStage { _, caller, passage in
            passage.answer(
                caller, with: PluginResponse(status: 204, body: ByteBuffer(), contentType: ""))
        }
        try await TestHost.run(configure: ClosureStage.around(stage)) { host in
            let wire = try Wire(to: host)
            for _ in 0..<2 {
                try await wire.send(Requests.make("OPTIONS", "/anything"))
                let answer = try await wire.answer()
                #expect(answer.statusLine == "HTTP/1.1 204 No Content")
                #expect(answer["content-length"] == nil)
                #expect(answer["content-type"] == nil)
            }
        }
    }

    @Test("routing follows what a stage makes of the request, and the plugin is told that")
    func rewrites() async throws {
        let stage = ClosureStage { request, caller, passage in
            var request = request
            request.path = "/metadata"
            request.query = "a=1"
            request.headers.replaceOrAdd(name: "X-SERVE-CALL-METHOD", value: "__call__")
            request.headers.add(name: "x-added", value: "by a stage")
            passage.proceed(request, for: caller)
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
            ("/-/routes", "GET", "", 200), ("/-/healthz", "GET", "", 200),
            ("/echo", "POST", "x-serve-call-method: missing", 404),
        ])
    func wayOut(path: String, method: String, header: String, status: Int) async throws {
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(Self.marks)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make(method, path, headers: header.isEmpty ? [] : [header]))
            let answer = try await wire.answer()
            #expect(answer.status == status)
            #expect(answer["x-mark"] == "\(status)")
        }
    }

    @Test("a stage that waits elsewhere holds the request, not the connection's thread")
    func waits() async throws {
        let waiting = NIOLockedValueBox<[@Sendable () -> Void]>([])
        let stage = ClosureStage { request, caller, passage in
            guard request.path == "/echo" else { return passage.proceed(request, for: caller) }
            waiting.withLockedValue { $0.append { passage.proceed(request, for: caller) } }
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let held = try Wire(to: host)
            try await held.send(Requests.call("echo", nil, "held"))
            let goOn = try await Eventually.value { waiting.withLockedValue { $0.first } }
            let answer = try await HTTPTestClient(port: host.port).send("GET", "/-/healthz")
            #expect(answer.status == 200)
            goOn()
            #expect(try await held.answer().text == "held")
        }
    }

    @Test(
        "a client that goes away while a stage waits is noticed behind the stage, and no call made")
    func goesAway() async throws {
        let waiting = NIOLockedValueBox<[@Sendable () -> Void]>([])
        let ends = NIOLockedValueBox<[Int]>([])
        struct End: AnswerFilter {
            let ends: NIOLockedValueBox<[Int]>
            func end(_ error: DispatchError?) {
                ends.withLockedValue { $0.append(error?.httpStatus ?? 0) }
            }
        }
        let stage = ClosureStage { request, caller, passage in
            guard request.path == "/echo" else { return passage.proceed(request, for: caller) }
            let caller = FilteringCaller(End(ends: ends), before: caller, passage)
            waiting.withLockedValue { $0.append { passage.proceed(request, for: caller) } }
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
        let stage = ClosureStage { _, caller, passage in
            passage.refuse(caller, with: Self.refusal)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Content-Length: 10"]) + "01234")
            try await wire.send("56789" + Requests.call("echo", nil, "next"))
            #expect(try await wire.answer().status == 403)
            #expect(try await wire.answer().status == 403)
        }
    }

    @Test("a client that waits to be asked for its body is asked when a stage lets it through")
    func expectation() async throws {
        let stage = ClosureStage { request, caller, passage in
            if request.headers.contains(name: "x-in") {
                passage.proceed(request, for: caller)
            } else {
                passage.refuse(caller, with: Self.refusal)
            }
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let expect = ["Expect: 100-continue", "Content-Length: 5"]
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: expect + ["X-In: 1"]))
            #expect(try await wire.answer().status == 100)
            try await wire.send("hello")
            #expect(try await wire.answer().text == "hello")
            try await wire.send(Requests.call("echo", nil, headers: expect))
            let refused = try await wire.answer()
            #expect(refused.status == 403)
            #expect(refused.closes)
        }
    }

    @Test("a stage may take less than the host, by the announced length and by what comes")
    func smallerBodies() async throws {
        let stage = ClosureStage { request, caller, passage in
            request.incoming?.lower(limit: 5)
            passage.proceed(request, for: FilteringCaller(Mark(), before: caller, passage))
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "12345"))
            #expect(try await wire.answer().status == 200)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                    + "3\r\n123\r\n3\r\n456\r\n")
            let refused = try await wire.answer()
            #expect(refused.status == 413)
            #expect(refused["x-mark"] == "413")
            #expect(refused.closes)
        }
    }

    @Test("a stage has the body at once if all of it came with the head, and waits for no more")
    func wholeRequests() async throws {
        let seen = NIOLockedValueBox<[String?]>([])
        let stage = ClosureStage { request, caller, passage in
            seen.withLockedValue { $0.append(request.body.map { String(buffer: $0) }) }
            passage.proceed(request, for: caller)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "whole"))
            #expect(try await wire.answer().text == "whole")
            try await wire.send(Requests.make("GET", "/echo"))
            #expect(try await wire.answer().text == "")
            let request = Requests.call("echo", nil, "pieces")
            try await wire.send(String(request.dropLast(3)))
            _ = try await Eventually.value { seen.withLockedValue { $0.count == 3 ? $0 : nil } }
            try await wire.send(String(request.suffix(3)))
            #expect(try await wire.answer().text == "pieces")
            // What is pipelined waits, and is seen as whole as it has come.
            try await wire.send(
                Requests.call("echo", nil, "first") + Requests.call("echo", nil, "second"))
            #expect(try await wire.answer().text == "first")
            #expect(try await wire.answer().text == "second")
            #expect(seen.withLockedValue { $0 } == ["whole", "", nil, "first", "second"])
        }
    }

    @Test("stages that saw a head are told when what comes with it is no body")
    func malformedBody() async throws {
        let ends = NIOLockedValueBox<[DispatchError.Code]>([])
        struct End: AnswerFilter {
            let ends: NIOLockedValueBox<[DispatchError.Code]>
            func end(_ error: DispatchError?) {
                if let error { ends.withLockedValue { $0.append(error.code) } }
            }
        }
        let stage = ClosureStage { request, caller, passage in
            let filter = End(ends: ends)
            passage.proceed(request, for: FilteringCaller(filter, before: caller, passage))
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"]) + "no size\r\n")
            let refused = try await wire.answer()
            #expect(refused.status == 400)
            #expect(refused.closes)
            _ = try await Eventually.value { ends.withLockedValue { $0.first } }
            #expect(ends.withLockedValue { $0 } == [.refused(httpStatus: 400)])
        }
    }

    @Test("a stage that reads bodies gets all of one, and may change it")
    func changesBody() async throws {
        let stage = ClosureStage(readsBody: true) { request, caller, passage in
            var request = request
            request.body = ByteBuffer(string: String(buffer: request.body!).uppercased())
            passage.proceed(request, for: caller)
        }
        try await TestHost.run(plugins: Plugins.echo, configure: ClosureStage.around(stage)) {
            host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                    + "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
            #expect(try await wire.answer().text == "ABCDEF")
        }
    }
}
