import Backplane
import Foundation
import HostCore
import HostDeployment
import HostState
import TestSupport
import Testing

/// Built-in stages as a configuration file asks for them, on real connections.
@Suite(.throttled) struct BuiltInStageTests {
    /// Runs a host with a configuration file.
    private func run(
        _ yaml: String, plugins: [String: String] = Plugins.echo,
        manifests: [String: String] = [:], configure: (inout HostConfiguration) -> Void = { _ in },
        _ body: (TestHost) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("backplane.yaml")
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        try await TestHost.run(
            plugins: plugins, manifests: manifests,
            configure: {
                $0.configurationFile = file
                configure(&$0)
            }, body)
    }

    // MARK: cors

    private static let corsOfTheFAQ = """
        middleware:
          - cors: {allow_origins: ["*"], allow_methods: ["*"]}
        """

    @Test("a preflight is answered for an endpoint that doesn't take OPTIONS, and for none")
    func preflight() async throws {
        try await run(Self.corsOfTheFAQ) { host in
            let wire = try Wire(to: host)
            for path in ["/echo", "/nowhere"] {
                try await wire.send(
                    Requests.make(
                        "OPTIONS", path,
                        headers: [
                            "Origin: https://a.example", "Access-Control-Request-Method: PUT",
                            "Access-Control-Request-Headers: content-type",
                        ]))
                let answer = try await wire.response()
                #expect(answer.statusLine == "HTTP/1.1 204 No Content")
                #expect(
                    answer.headers.map { "\($0.name): \($0.value)" }.filter {
                        !$0.hasPrefix("date")
                    } == [
                        "access-control-allow-origin: *", "access-control-allow-methods: *",
                        """
                        access-control-allow-headers: accept, accept-language, \
                        content-language, content-type
                        """, "access-control-max-age: 600",
                    ])
            }
        }
    }

    @Test("answers and errors have the headers that let a page read them")
    func corsAnswers() async throws {
        try await run(Self.corsOfTheFAQ) { host in
            let wire = try Wire(to: host)
            let origin = "Origin: https://a.example"
            for (request, status) in [
                (Requests.call("echo", nil, "hello", headers: [origin]), 200),
                (Requests.call("nowhere", nil, "hello", headers: [origin]), 404),
                (Requests.call("echo", "missing", "hello", headers: [origin]), 404),
                (Requests.make("PUT", "/echo", "hello", headers: [origin]), 405),
                (Requests.make("OPTIONS", "/echo", headers: [origin]), 405),
            ] {
                try await wire.send(request)
                let answer = try await wire.response()
                #expect(answer.status == status)
                #expect(answer["access-control-allow-origin"] == "*")
                #expect((answer.problem == nil) == (status == 200))
            }
        }
    }

    // MARK: body-limit

    @Test("a body that announces itself as too large is refused before it has come")
    func announcedBody() async throws {
        try await run("middleware: [{body-limit: {max_size: 8}}]") { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "12345678"))
            #expect(try await wire.response().text == "12345678")
            try await wire.send(
                Requests.make("POST", "/echo", headers: ["Content-Length: 9"]) + "1")
            let answer = try await wire.response()
            #expect(answer.status == 413)
            #expect(answer.problem?.detail == "the request body is over the limit of 8 bytes")
            #expect(answer.closes)
        }
    }

    @Test("a body in chunks is refused as soon as it is too large")
    func chunkedBody() async throws {
        try await run("middleware: [{body-limit: {max_size: 8}}]") { host in
            let wire = try Wire(to: host)
            let head = Requests.make(
                "POST", "/echo", headers: ["Transfer-Encoding: chunked"])
            try await wire.send(head + Requests.chunks(["1234", "5678"]) + "0\r\n\r\n")
            #expect(try await wire.response().text == "12345678")
            try await wire.send(head + Requests.chunks(["1234", "56789"]))
            let answer = try await wire.response()
            #expect(answer.status == 413)
            #expect(answer.closes)
        }
    }

    // MARK: request-id, headers, trusted-host

    @Test("the client, the plugin and an error have one id")
    func requestID() async throws {
        let yaml = "middleware: [request-id: {trust_incoming: false}]"
        try await run(yaml, plugins: Plugins.echo(and: "metadata")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("metadata", nil, "a", headers: ["X-Request-Id: forged"]))
            let answer = try await wire.response()
            let id = try #require(answer["x-request-id"])
            #expect(id != "forged")
            let lines = answer.text.split(separator: "\n")
            #expect(lines.contains("request_id=\(id)") && lines.contains("x-request-id=\(id)"))
            try await wire.send(
                Requests.call("nowhere", nil, "a", headers: ["X-Request-Id: forged"]))
            let error = try await wire.response()
            #expect(error["x-request-id"] != "forged")
            #expect(error.problem?.requestID == error["x-request-id"])
        }
    }

    @Test("headers are changed on both ways")
    func headers() async throws {
        let yaml = """
            middleware:
              - headers:
                  request: {remove: [Cookie], set: {X-SERVE-CALL-METHOD: __call__}}
                  response: {set: {X-Team: search}}
            """
        try await run(yaml, plugins: Plugins.echo(and: "metadata")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("metadata", "missing", "a", headers: ["Cookie: c", "X-A: 1"]))
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer["x-team"] == "search")
            let lines = answer.text.split(separator: "\n")
            #expect(lines.contains("x-a=1"))
            #expect(!lines.contains { $0.hasPrefix("cookie") })
        }
    }

    @Test("a request for another host is refused, and the next one is not")
    func trustedHost() async throws {
        try await run("middleware: [{trusted-host: {allowed_hosts: [test]}}]") { host in
            let wire = try Wire(to: host)
            try await wire.send("POST /echo HTTP/1.1\r\nHost: evil\r\nContent-Length: 1\r\n\r\na")
            #expect(try await wire.response().status == 400)
            try await wire.send(Requests.call("echo", nil, "a"))
            #expect(try await wire.response().status == 200)
        }
    }

    // MARK: timeout, access-log

    @Test("a call that takes too long is answered 504, and the plugin is told")
    func timeout() async throws {
        let yaml = "middleware: [{timeout: {after: 50ms}}]"
        try await run(yaml, plugins: Plugins.echo(and: "blocks")) { host in
            let file = host.directory.file("cancelled")
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("blocks", "until_cancelled", file))
            #expect(try await wire.response().status == 504)
            try await Eventually.true { FileManager.default.fileExists(atPath: file) }
        }
    }

    @Test("each request is logged once: answered, refused, streamed and given up")
    func accessLog() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("access.log")
        let yaml = "middleware: [{access-log: {file: \(path)}}]"
        try await run(yaml, plugins: Plugins.echo(and: "streams", "blocks")) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, "hello"))
            _ = try await wire.response()
            try await wire.send(Requests.call("nowhere", nil, "hello"))
            _ = try await wire.response()
            try await wire.send(Requests.call("streams", nil, "2"))
            let streamed = try await wire.response()
            let file = host.directory.file("cancelled")
            let leaving = try Wire(to: host)
            try await leaving.send(Requests.call("blocks", "until_cancelled", file))
            _ = try await host.wait(for: "blocks") { $0.calls.running == 1 }
            leaving.leave()
            let half = try Wire(to: host)
            try await half.send(
                Requests.make("POST", "/echo", headers: ["Content-Length: 9"]) + "a")
            half.leave()
            try await Eventually.true { FileManager.default.fileExists(atPath: file) }
            let lines = try await Eventually.value {
                let lines = try String(contentsOfFile: path, encoding: .utf8)
                    .split(separator: "\n")
                return lines.count >= 5 ? lines.map(String.init) : nil
            }
            func count(_ part: String) -> Int { lines.count { $0.contains(part) } }
            #expect(lines.count == 5)
            #expect(lines.allSatisfy { $0.hasPrefix("127.0.0.1 - - [") })
            #expect(count("\"POST /echo\" 200 5 ") == 1)
            #expect(count("\"POST /nowhere\" 404 - ") == 1)
            #expect(count("\"POST /streams\" 200 \(streamed.body.count) ") == 1)
            #expect(count("\"POST /blocks\" 499 ") == 1)
            #expect(count("\"POST /echo\" 499 ") == 1)
        }
    }

    @Test("a body that stops coming is answered 408, and logged so; what waits for it is let go")
    func lateBody() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("access.log")
        try await run("middleware: [{access-log: {file: \(path)}}]") {
            $0.transferTimeout = .milliseconds(100)
        } _: { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make("POST", "/echo", headers: ["Content-Length: 9"]) + "a")
            #expect(try await wire.response().status == 408)
            let broken = try Wire(to: host)
            try await broken.send(
                Requests.make("POST", "/echo", headers: ["Transfer-Encoding: chunked"]) + "x\r\n")
            #expect(try await broken.response().status == 400)
            let lines = try await Eventually.value {
                let lines = try String(contentsOfFile: path, encoding: .utf8)
                    .split(separator: "\n")
                return lines.count >= 2 ? lines.map(String.init) : nil
            }
            #expect(lines.map { $0.contains("\"POST /echo\" 408 - ") } == [true, false])
            #expect(lines.map { $0.contains("\"POST /echo\" 400 - ") } == [false, true])
        }
    }

    // MARK: tracing

    @Test("a request's trace goes on in the plugin, and in the calls that it makes")
    func tracing() async throws {
        let plugins = try Plugins.echo(and: "metadata").merging(
            ["libcalls.so": Fixture.library("calls", defines: [#"OTHER="metadata""#])]
        ) { $1 }
        try await run(
            "middleware: [tracing]", plugins: plugins,
            manifests: ["metadata": "middleware: [tracing]"]
        ) { host in
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            let headers = [
                "traceparent: 00-\(trace)-00f067aa0ba902b7-01", "tracestate: vendor=1",
            ]
            let wire = try Wire(to: host)
            for request in [
                Requests.call("metadata", nil, "a", headers: headers),
                Requests.call("calls", "wrap", "a", headers: headers),
            ] {
                try await wire.send(request)
                let lines = try await wire.response().text.split(separator: "\n")
                let parent = try #require(lines.first { $0.hasPrefix("traceparent=") })
                #expect(parent.hasPrefix("traceparent=00-\(trace)-") && parent.hasSuffix("-01"))
                #expect(!parent.contains("00f067aa0ba902b7"))
                #expect(lines.contains("tracestate=vendor=1"))
            }
        }
    }

    // MARK: Mistakes

    @Test("a mistake in the file is told with its place, and the host doesn't start")
    func mistake() async throws {
        let error = await #expect(throws: (any Error).self) {
            try await run("middleware:\n  - cors: {allow_origin: []}") { _ in }
        }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains(":2:12:") && text.contains("did you mean allow_origins?"), "\(text)")
    }
}
