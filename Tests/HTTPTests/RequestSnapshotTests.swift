import Backplane
import Foundation
import HostCore
import HostDeployment
import HostDispatch
import HostPipeline
import NIOHTTP1
import TestSupport
import Testing

/// What a request finds is of one configuration, and what all see of it is one thing.
@Suite(.throttled) struct RequestSnapshotTests {
    private static let auth = "auth: {bearer: {tokens: {me: secret-secret-secret-secret-secret-1}}}"

    private static func file(backend: String, host: String) -> String {
        """
        backends: {echo: {plugin: echo, middleware: [\(backend)]}}
        endpoints: {echo: {route: /echo, traffic: {echo: 1}}}
        middleware: [\(host)]
        """
    }

    @Test(
        "an upload under way passes the chain of one file when auth moves to the host, or back",
        arguments: [true, false])
    func movedStage(toHost: Bool) async throws {
        let files = [
            Self.file(backend: "{\(Self.auth)}", host: "compression"),
            Self.file(backend: "", host: "{\(Self.auth)}, compression"),
        ]
        let (first, second) = toHost ? (files[0], files[1]) : (files[1], files[0])
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        try first.write(toFile: path, atomically: true, encoding: .utf8)
        try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.configurationFile, path)
        ) { host in
            _ = try await host.wait(for: "echo") { $0.state == .serving }
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Content-Length: 5"]) + "he")
            #expect(await wire.isSilent(for: .milliseconds(200)))
            try second.write(toFile: path, atomically: true, encoding: .utf8)
            try await host.host.applyConfigurationFile()
            try? await wire.send("llo")
            #expect(try await wire.response().status == 401)
            #expect(try await host.http.call("echo", nil, "no").status == 401)
        }
    }

    @Test(
        "stages and plugins see values without the white space around them",
        arguments: ["", " ", "\t", " \t  \t"])
    func whiteSpace(space: String) async throws {
        let stage = ClosureStage { request, sink, next in
            let isSeen = request.headers["x-key"] == ["a b"] && request.headers["host"] == ["test"]
            guard isSeen else {
                return next.refuse(sink, with: DispatchError(.refused(httpStatus: 418), ""))
            }
            next.proceed(request, for: sink)
        }
        try await TestHost.run(
            plugins: try Plugins.echo(and: "metadata"), configure: ClosureStage.around(stage)
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                "POST /metadata HTTP/1.1\r\nHost:\(space)test\(space)\r\nX-Key:\(space)a b\(space)\r\n"
                    + "Content-Length:\(space)2\(space)\r\n\r\nhi")
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.text.contains("x-key=a b\n"))
        }
    }

    @Test("the host of an absolute target counts, and Host is ignored")
    func absoluteTarget() async throws {
        let stage = ClosureStage { request, sink, next in
            let host = request.headers["host"].joined(separator: "|")
            next.refuse(sink, with: DispatchError(.refused(httpStatus: 403), "for \(host)"))
        }
        try await TestHost.run(configure: ClosureStage.around(stage)) { host in
            for (target, field, version, expected) in [
                ("http://good.example/x", "Host: evil.example", "1.1", "for good.example"),
                ("HTTPS://a:81?x", "host: b\r\nX: y", "1.1", "for a:81"),
                ("http://[::1]:80/", "Host: b", "1.0", "for [::1]:80"),
                ("http://a/", "X: y", "1.0", "for a"), ("/x", "Host: b", "1.1", "for b"),
            ] {
                let wire = try Wire(to: host)
                try await wire.send("GET \(target) HTTP/\(version)\r\n\(field)\r\n\r\n")
                #expect(try await wire.response().problem?.detail == expected)
            }
        }
    }

    @Test(
        "a refusal by the head passes the stages",
        arguments: [
            ("Content-Length: 2000", 413), ("Content-Length: 9223372036854775808", 413),
            ("Content-Length: 2000\r\nExpect: 100-continue", 413), ("Expect: miracles", 417),
            ("X-SERVE-CALL-METHOD: a\r\nX-Serve-Call-Method: b", 400),
        ], [true, false])
    func refusals(refusal: (String, Int), readsBody: Bool) async throws {
        let (headers, status) = refusal
        var stage = ClosureStage { request, sink, next in
            next.proceed(request, for: sink)
        }
        stage.readsBody = readsBody
        let mark = ClosureStage { request, sink, next in
            next.proceed(request, for: FilteringSink(Mark(), before: sink, next))
        }
        try await TestHost.run(
            plugins: Plugins.echo,
            configure: {
                $0.maxBodySize = 1_000
                ClosureStage.around(mark, stage)(&$0)
            }
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: [headers]))
            let answer = try await wire.response()
            #expect(answer.status == status)
            #expect(answer["x-mark"] == "\(status)")
            #expect(answer.closes == (status != 400))
        }
    }

    private struct Mark: ResponseFilter {
        func begin(_ head: inout ResponseHead) { head.add("x-mark", "\(head.status)") }
    }

    @Test(
        "HTTP/1.0 goes on only if the client says so, and nothing else",
        arguments: [
            ("keep-alive", false), ("close, keep-alive", true), ("keep-alive, close", true),
            ("Keep-Alive,\tClose", true), ("x", true), ("x, keep-alive", false),
        ])
    func connectionOptions(options: String, closes: Bool) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send("GET /-/healthz HTTP/1.0\r\nConnection: \(options)\r\n\r\n")
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.closes == closes)
            guard closes else { return }
            #expect(await wire.end() == .closed)
        }
    }
}
