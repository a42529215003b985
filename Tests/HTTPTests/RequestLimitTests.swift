import Backplane
import TestSupport
import Testing

@Suite(.throttled) struct RequestLimitTests {
    private func run(_ body: (TestHost) async throws -> Void) async throws {
        try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.maxBodySize, 10_000)
        ) { try await body($0) }
    }

    private func isRefusal(_ answer: WireResponse) -> Bool {
        answer.status == 413 && answer.closes && answer.problem?.status == 413
            && answer.problem?.detail.contains("10000 bytes") ?? false
    }

    @Test("a body of just the limit is taken")
    func atTheLimit() async throws {
        try await run { host in
            let wire = try Wire(to: host)
            let body = String(repeating: "x", count: 10_000)
            try await wire.send(Requests.call("echo", nil, body))
            #expect(try await wire.response().body.count == 10_000)
            let pieces = [String(repeating: "x", count: 9_999), "x"]
            try await wire.send(
                Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                    + Requests.chunks(pieces) + "0\r\n\r\n")
            #expect(try await wire.response().body.count == 10_000)
        }
    }

    @Test("a Content-Length of one byte more is refused before any of it is sent")
    func lengthOverLimit() async throws {
        try await run { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: ["Content-Length: 10001"]))
            #expect(isRefusal(try await wire.response()))
            #expect(await wire.end() == .closed)
        }
    }

    @Test(
        "chunks of one byte more are refused when that byte comes",
        arguments: ["/echo", "/nowhere", "/-/healthz"])
    func chunksOverLimit(target: String) async throws {
        try await run { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make("POST", target, headers: ["Transfer-Encoding: chunked"])
                    + Requests.chunks([String(repeating: "x", count: 10_000)]))
            #expect(await wire.isSilent(for: .milliseconds(50)))
            try await wire.send("1\r\nx")
            #expect(isRefusal(try await wire.response()))
            #expect(await wire.end() == .closed)
        }
    }

    @Test(
        "a client that is still sending too much gets the answer, not a reset",
        arguments: [true, false])
    func stillSending(isChunked: Bool) async throws {
        try await run { host in
            let wire = try Wire(to: host)
            let size = 16 << 20
            let framing =
                isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"
            let start = isChunked ? "\(String(size, radix: 16))\r\n" : ""
            try await wire.send(Requests.call("echo", nil, headers: [framing]) + start)
            try await wire.send([UInt8](repeating: 0x78, count: size))
            #expect(isRefusal(try await wire.response()))
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a request behind one that was too large is not answered")
    func behindTooLarge() async throws {
        try await run { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, String(repeating: "x", count: 10_001))
                    + Requests.call("echo", nil, "never"))
            #expect(isRefusal(try await wire.response()))
            let (bytes, end) = await wire.rest()
            #expect(bytes.isEmpty)
            #expect(end == .closed)
        }
    }

    @Test(
        "a head over the limit is refused",
        arguments: [
            "X-Long: " + String(repeating: "x", count: 32 << 10),
            (0..<200).map { "X-\($0): " + String(repeating: "x", count: 170) }.joined(
                separator: "\r\n"),
            (0..<300).map { "X-\($0): x" }.joined(separator: "\r\n"),
        ])
    func headOverLimit(headers: String) async throws {
        try await run { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: [headers]))
            let answer = try await wire.response()
            #expect(answer.status == 431)
            #expect(answer.problem?.status == 431)
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a head that never ends is refused, and the client that goes on gets the answer")
    func endlessHead() async throws {
        try await run { host in
            let wire = try Wire(to: host)
            try await wire.send("GET /echo HTTP/1.1\r\nHost: test\r\nX-Endless: ")
            try await wire.send([UInt8](repeating: 0x78, count: 4 << 20))
            #expect(try await wire.response().status == 431)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a head just below the limit is taken")
    func headBelowLimit() async throws {
        try await run { host in
            let wire = try Wire(to: host)
            let long = "X-Long: " + String(repeating: "x", count: (32 << 10) - 200)
            try await wire.send(Requests.call("echo", nil, "hello", headers: [long]))
            #expect(try await wire.response().text == "hello")
        }
    }
}
