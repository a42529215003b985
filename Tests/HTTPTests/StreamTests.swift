import Backplane
import Foundation
import HostCore
import HostDeployment
import HostPipeline
import TestSupport
import Testing

@Suite(.throttled) struct StreamTests {
    private static func text(_ parts: Int) -> String {
        (0..<parts).map { "part \($0)\n" }.joined() + "end\n"
    }

    private static let partSize = 64 << 10

    /// What `floods` streams.
    private static func flood(_ parts: Int) -> [UInt8] {
        let size = parts * Self.partSize
        return [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
            for part in 0..<parts {
                memset(bytes.baseAddress! + part * Self.partSize, Int32(part & 0xFF), Self.partSize)
            }
            count = size
        }
    }

    @Test(
        "HTTP/1.1 gets a stream in chunks, and the connection goes on",
        arguments: [("__call__", 0), ("__call__", 1), ("__call__", 100), ("sync", 100)])
    func chunks(method: String, parts: Int) async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            for _ in 0..<3 {
                try await wire.send(Requests.call("streams", method, "\(parts)"))
                let answer = try await wire.response()
                #expect(answer.status == 200)
                #expect(answer["content-type"] == "text/plain")
                #expect(answer.text == Self.text(parts))
                #expect((answer["transfer-encoding"] == "chunked") == (parts > 0))
                #expect((answer["content-length"] != nil) == (parts == 0))
                #expect(parts == 0 || answer.chunks.count == parts + 2)
            }
        }
    }

    @Test(
        "a million small parts arrive whole, in order, and in bounded memory",
        .enabled(if: Repository.hasProgram))
    func million() async throws {
        let host = try await HostProcess(
            plugins: try Plugins.echo(and: "streams"), arguments: ["--request-timeout", "none"])
        let before = try Memory.peak(of: host.pid)
        let answer = try await host.http.call("streams", "sync", "1000000")
        #expect(answer.body == Array(Self.text(1_000_000).utf8))
        let grown = try Memory.peak(of: host.pid) - before
        let bound = Sanitizer.current == nil ? 16 << 20 : 128 << 20
        #expect(grown < bound, "the host grew by \(grown >> 20) MiB")
    }

    @Test(
        "what stands behind a stream's body goes to clients that take it",
        arguments: [
            (["TE: trailers"], "x-sum: 7\r\n"), (["TE: gzip, Trailers"], "x-sum: 7\r\n"), ([], ""),
        ])
    func trailers(headers: [String], expected: String) async throws {
        let stage = ClosureStage { request, sink, next in
            next.proceed(request, for: TrailerSink(sink))
        }
        try await TestHost.run(
            plugins: try Plugins.echo(and: "streams"), configure: ClosureStage.around(stage)
        ) { host in
            let socket = try RawSocket(port: host.port)
            try socket.send(
                Requests.make("POST", "/streams", "2", headers: headers + ["Connection: close"]))
            let text = socket.receive()
            #expect(text.hasSuffix("\r\n0\r\n\(expected)\r\n"))
        }
    }

    @Test("a stream stands between pipelined answers")
    func pipelined() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", "inline", "before") + Requests.call("streams", nil, "50")
                    + Requests.call("echo", "inline", "after"))
            #expect(
                try await wire.answers(3).map(\.text) == ["before", Self.text(50), "after"])
        }
    }

    @Test("HTTP/1.0 gets a stream until the close", arguments: [[], ["Connection: keep-alive"]])
    func oldVersion(headers: [String]) async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make("POST", "/streams", "100", headers: headers, version: "1.0"))
            let answer = try await wire.response()
            #expect(answer.closes)
            #expect(answer["transfer-encoding"] == nil)
            #expect(answer["content-length"] == nil)
            #expect(answer.text == Self.text(100))
        }
    }

    @Test("a part arrives before the next one is written")
    func promptness() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "floods")) { host in
            let wire = try Wire(to: host)
            let gate = try Gate()
            try await wire.send(Requests.call("floods", nil, "2 \(gate.path)"))
            let start = try await wire.bytes(64 << 10)
            #expect(try await host.http.call("floods", "progress").text == "1 0")
            gate.open()
            try await wire.putBack(start)
            #expect(try await wire.response().body == Self.flood(2))
        }
    }

    @Test(
        "a stream of 32 MiB arrives byte by byte as the plugin wrote it", arguments: ["1.0", "1.1"])
    func large(version: String) async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: "floods"),
            configure: TestHost.setting(\.requestTimeout, nil)
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.make("POST", "/floods", "512", version: version))
            #expect(try await wire.response().body == Self.flood(512))
        }
    }

    @Test("a slow reader holds the plugin back, and loses nothing")
    func slowReader() async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: "floods"),
            configure: TestHost.setting(\.requestTimeout, nil)
        ) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.call("floods", nil, "512"))
            // Until the plugin makes no more progress.
            var before = ""
            var repeats = 0
            try await Eventually.true {
                let now = try await host.http.call("floods", "progress").text
                repeats = now == before && now != "0 0" ? repeats + 1 : 0
                before = now
                return repeats == 50
            }
            let written = try #require(Int(before.split(separator: " ")[0]))
            #expect(written < 256)
            #expect(try await wire.response().body == Self.flood(512))
            #expect(try await host.http.call("floods", "progress").text == "512 0")
        }
    }

    @Test("a client that leaves in the middle stops the stream")
    func clientLeaves() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "floods")) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.call("floods", nil, "100000"))
            _ = try await wire.bytes(1_000)
            wire.leave()
            // 1: CANCELLED.
            try await Eventually.true {
                try await host.http.call("floods", "progress").text.hasSuffix(" 1")
            }
            try await Eventually.true {
                try await host.status(of: "floods")?.calls.running == 0
            }
        }
    }

    @Test("a stream that fails breaks off after what was written")
    func failure() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("streams", "breaks", headers: ["X-Request-ID: broken-1"])
                    + Requests.call("echo", nil, "never"))
            await #expect(throws: Wire.End.self) { try await wire.response() }
            let lines = host.log.text.filter { $0.contains("broke off") }
            #expect(lines.count == 1)
            #expect(lines.first?.contains("broken-1") ?? false)
        }
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("streams", "breaks"))
            let (bytes, _) = await wire.rest()
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasSuffix("\r\n\r\n7\r\npart 0\n\r\n"))
        }
    }

    // The end of the connection is the end of the body there: only a reset says that it isn't whole.
    @Test("a stream that fails is reset in HTTP/1.0")
    func failureInOldVersion() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make(
                    "POST", "/streams", headers: ["X-SERVE-CALL-METHOD: breaks"], version: "1.0"))
            #expect(await wire.end() == .reset)
        }
    }

    @Test("a stream breaks off when its deadline passes, and the plugin learns it")
    func deadline() async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: "floods"),
            configure: TestHost.setting(\.requestTimeout, .milliseconds(500))
        ) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.call("floods", nil, "100000"))
            try await Eventually.true {
                try await host.http.call("floods", "progress").text.hasSuffix(" 1")
            }
            await #expect(throws: Wire.End.self) { try await wire.response() }
        }
    }

    @Test("an inline method can't stream, and is told so")
    func inline() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            // 9: FAILED_PRECONDITION.
            let answer = try await host.http.call("streams", "inline")
            #expect(answer.text == "9")
        }
    }

    @Test("the first part's head is the stream's")
    func firstPart() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "answers_headers")) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("answers_headers", "stream", "X-First: 1"))
            let answer = try await wire.response()
            #expect(answer["content-type"] == "text/x-first")
            #expect(answer["x-first"] == "1")
            #expect(answer["x-later"] == nil)
            #expect(answer.text == "one two three")
            #expect(answer.chunks == [4, 4, 5, 0])
        }
    }
}

/// Puts trailers behind a response; all but one can't stand there, and are left out.
private final class TrailerSink: ResponseSink {
    private let sink: any ResponseSink

    init(_ sink: any ResponseSink) { self.sink = sink }

    var requestID: String { sink.requestID }
    func rename(requestID: String) { sink.rename(requestID: requestID) }
    func makeMetadata() -> CallMetadata { sink.makeMetadata() }
    func receive(part: CallResponse) -> Bool { sink.receive(part: part) }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        sink.receive(
            result.map { last in
                var last = last
                last.trailers = [
                    ("x-sum", "7"), ("content-length", "1"), ("set-cookie", "a=b"),
                    ("x-split", "1\r\nx-other: 2"),
                ]
                return last
            })
    }
}
