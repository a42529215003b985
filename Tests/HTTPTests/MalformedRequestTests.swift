import TestSupport
import Testing

@Suite(.throttled) struct MalformedRequestTests {
    struct Case: Sendable {
        let name: String
        let bytes: [UInt8]
        let status: Int

        init(_ name: String, _ text: String, _ status: Int = 400) {
            self.init(name, Array(text.utf8), status)
        }

        init(_ name: String, _ bytes: [UInt8], _ status: Int = 400) {
            self.name = name
            self.bytes = bytes
            self.status = status
        }

        /// A POST to echo with these header lines.
        init(_ name: String, headers: String, body: String = "", _ status: Int = 400) {
            self.init(
                name, "POST /echo HTTP/1.1\r\nHost: test\r\n\(headers)\r\n\r\n\(body)", status)
        }
    }

    static let cases = [
        Case("nonsense", "nonsense\r\n\r\n"),
        Case("binary", [0, 1, 2, 3, 255, 254, 13, 10, 13, 10]),
        Case("no target", "GET HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("no version", "GET /echo\r\nHost: test\r\n\r\n", 505),
        Case("a version that isn't HTTP", "GET /echo ICY/1.1\r\nHost: test\r\n\r\n", 505),
        Case("a method in lower case", "get /echo HTTP/1.1\r\nHost: test\r\n\r\n", 501),
        Case("an unknown method", "BREW /echo HTTP/1.1\r\nHost: test\r\n\r\n", 501),
        Case("a space in the target", "GET /echo more HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("a control character in the target", "GET /ec\u{1}ho HTTP/1.1\r\nHost: t\r\n\r\n"),
        Case("a protocol that the decoder knows", "GET /echo RTSP/1.0\r\nHost: t\r\n\r\n", 505),
        Case("another one", "SOURCE /echo ICE/1.0\r\nHost: test\r\n\r\n", 505),
        Case("two spaces before the version", "GET /echo  HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("a method without end", String(repeating: "A", count: 100) + " / HTTP/1.1\r\n", 501),
        Case("a fragment in the target", "GET /echo#a HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case(
            "a target that is not UTF-8", Array("GET /".utf8) + [0xFF] + Array(" HTTP/1.1\r\n".utf8)
        ),
        Case(
            "a target that is too long",
            "GET /" + String(repeating: "x", count: 40_000) + " HTTP/1.1\r\nHost: test\r\n\r\n",
            414),
        Case("a URL without a host", "GET http:///echo HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("a URL with a port alone", "GET http://:80/echo HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("a URL with a user", "GET http://me@test/echo HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("a URL of another scheme", "GET ftp://test/echo HTTP/1.1\r\nHost: test\r\n\r\n"),
        Case("a URL, and no Host", "GET http://test/echo HTTP/1.1\r\n\r\n"),
        Case("a URL, and a malformed Host", "GET http://test/echo HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        Case(
            "a value that is not UTF-8",
            Array("GET /echo HTTP/1.1\r\nHost: t\r\nX: ".utf8) + [0xC3, 0x28, 13, 10, 13, 10]),
        Case("DEL in a value", headers: "X-Name: a\u{7F}b"),
        Case("HTTP/0.9", "GET /echo HTTP/0.9\r\n\r\n", 505),
        Case("HTTP/2.0", "GET /echo HTTP/2.0\r\nHost: test\r\n\r\n", 505),
        Case("HTTP/3.0", "GET /echo HTTP/3.0\r\nHost: test\r\n\r\n", 505),
        Case("HTTP/1.10", "GET /echo HTTP/1.10\r\nHost: test\r\n\r\n", 505),
        Case("the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        Case(
            "a TLS ClientHello",
            [0x16, 0x03, 0x01, 0x00, 0x2E, 0x01, 0x00, 0x00, 0x2A, 0x03, 0x03]
                + [UInt8](repeating: 0x5A, count: 40)),
        Case("a header without a colon", headers: "nonsense"),
        Case("a header without a name", headers: ": value"),
        Case("a space before the colon", headers: "X-Name : value"),
        Case("a space in a name", headers: "X Name: value"),
        Case("a folded header", headers: "X-Name: value\r\n more"),
        Case("NUL in a value", headers: "X-Name: a\u{0}b"),
        Case("NUL in a name", headers: "X-\u{0}Name: b"),
        Case("a control character in a value", headers: "X-Name: a\u{8}b"),
        Case("a bare CR in a value", headers: "X-Name: a\rb"),
        Case("bare LF ends a header", "GET /echo HTTP/1.1\r\nHost: test\nX-Name: a\r\n\r\n"),
        Case("bare LF throughout", "GET /echo HTTP/1.1\nHost: test\n\n", 505),
        Case("bare LF at the end of the head", "GET /echo HTTP/1.1\r\nHost: test\r\n\n"),
        Case("two Hosts", headers: "Host: other"),
        Case("a space in Host", "GET /echo HTTP/1.1\r\nHost: te st\r\n\r\n"),
        Case("a path in Host", "GET /echo HTTP/1.1\r\nHost: test/path\r\n\r\n"),
        Case("bytes beyond ASCII in Host", "GET /echo HTTP/1.1\r\nHost: t\u{E9}st\r\n\r\n"),
        Case(
            "Content-Length and Transfer-Encoding",
            headers: "Content-Length: 5\r\nTransfer-Encoding: chunked", body: "0\r\n\r\n"),
        Case(
            "Transfer-Encoding and Content-Length",
            headers: "Transfer-Encoding: chunked\r\nContent-Length: 5", body: "0\r\n\r\n"),
        Case(
            "two Content-Lengths", headers: "Content-Length: 5\r\nContent-Length: 6",
            body: "hello!"),
        Case(
            "the same Content-Length twice", headers: "Content-Length: 5\r\nContent-Length: 5",
            body: "hello"),
        Case("a list of Content-Lengths", headers: "Content-Length: 5, 6", body: "hello"),
        Case("a negative Content-Length", headers: "Content-Length: -5", body: "hello"),
        Case("a signed Content-Length", headers: "Content-Length: +5", body: "hello"),
        Case("a hexadecimal Content-Length", headers: "Content-Length: 0x5", body: "hello"),
        Case("a broken Content-Length", headers: "Content-Length: 5 5", body: "hello"),
        Case("an empty Content-Length", headers: "Content-Length:", body: "hello"),
        Case(
            "a Content-Length beyond 64 bits", headers: "Content-Length: 18446744073709551621",
            body: "hello"),
        Case("an unknown coding", headers: "Transfer-Encoding: xchunked", body: "0\r\n\r\n"),
        Case("identity", headers: "Transfer-Encoding: identity", body: "hello"),
        Case("chunked twice", headers: "Transfer-Encoding: chunked, chunked", body: "0\r\n\r\n"),
        Case(
            "chunked twice, in two headers",
            headers: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            body: "0\r\n\r\n"),
        Case(
            "chunked before another coding", headers: "Transfer-Encoding: chunked, gzip",
            body: "0\r\n\r\n"),
        Case(
            "chunked with a control character", headers: "Transfer-Encoding: \u{B}chunked",
            body: "0\r\n\r\n"),
        // RFC 9112, section 6.1: what the host can't decode it must not hand on.
        Case("a coding below chunked", headers: "Transfer-Encoding: gzip, chunked", 501),
        Case(
            "a coding below chunked, in two headers",
            headers: "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501),
        Case(
            "chunks in HTTP/1.0",
            "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        Case(
            "a chunk extension without end", headers: chunked,
            body: "5;" + String(repeating: "e", count: 5_000) + "\r\nhello\r\n0\r\n\r\n"),
        Case(
            "many chunk extensions", headers: chunked,
            body: String(
                repeating: "1;" + String(repeating: "e", count: 500) + "\r\nx\r\n", count: 10)),
        Case(
            "white space without end behind a chunk size", headers: chunked,
            body: "5" + String(repeating: " ", count: 5_000) + "\r\nhello\r\n0\r\n\r\n"),
        Case(
            "zeros without end in a chunk size", headers: chunked,
            body: String(repeating: "0", count: 20) + "5\r\nhello\r\n0\r\n\r\n"),
        Case("a chunk size that isn't a number", headers: chunked, body: "xyz\r\nhello\r\n"),
        Case("a chunk size with a prefix", headers: chunked, body: "0x5\r\nhello\r\n0\r\n\r\n"),
        Case("a negative chunk size", headers: chunked, body: "-5\r\nhello\r\n0\r\n\r\n"),
        Case("an empty chunk size", headers: chunked, body: "\r\nhello\r\n0\r\n\r\n"),
        Case("a space before the chunk size", headers: chunked, body: " 5\r\nhello\r\n0\r\n\r\n"),
        Case(
            "a chunk size beyond 64 bits", headers: chunked,
            body: "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        Case("a chunk longer than it says", headers: chunked, body: "3\r\nhello\r\n0\r\n\r\n"),
        Case("bare LF after the chunk size", headers: chunked, body: "5\nhello\r\n0\r\n\r\n"),
        Case("bare LF after the chunk", headers: chunked, body: "5\r\nhello\n0\r\n\r\n"),
        Case("a bare CR in an extension", headers: chunked, body: "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        Case("bare LF in an extension", headers: chunked, body: "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        Case(
            "a Content-Length in the trailers", headers: chunked,
            body: "0\r\nContent-Length: 100\r\n\r\n"),
        Case("NUL in a trailer", headers: chunked, body: "0\r\nX: a\u{0}b\r\n\r\n"),
    ]

    private static let chunked = "Transfer-Encoding: chunked"

    @Test("a malformed request is refused and the connection closed")
    func malformed() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            for request in Self.cases {
                let name = Comment(rawValue: request.name)
                let wire = try Wire(to: host)
                // Behind it what an attacker would like to see answered.
                try await wire.send(request.bytes + Array(Requests.make("GET", "/-/routes").utf8))
                let answer = try await wire.response()
                #expect(answer.status == request.status, name)
                #expect(answer.problem?.status == request.status, name)
                #expect(answer.closes, name)
                let (bytes, end) = await wire.rest()
                #expect(bytes.isEmpty, name)
                #expect(end == .closed, name)
                #expect(try await host.http.call("echo", nil, "alive").text == "alive", name)
            }
        }
    }

    /// Not one of these may take the host down, or be answered by anything but HTTP.
    @Test(
        "ten thousand mutations of good requests leave the host alive",
        .enabled(if: Repository.hasProgram))
    func mutations() async throws {
        let host = try await HostProcess(plugins: Plugins.echo)
        var random = Mutations(seed: 0xB4C4)
        let seeds = [
            Requests.call("echo", "inline", "hello"),
            Requests.call("echo", nil, headers: ["Transfer-Encoding: chunked"])
                + "5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
            Requests.make("GET", "http://test/-/routes?a=1", headers: ["Expect: 100-continue"]),
            "GET /-/healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        ]
        for _ in 0..<500 {
            let wire = try Wire(to: host.port)
            for _ in 0..<20 {
                // A connection that is refused is closed; the rest is of no use then.
                try? await wire.send(random.mutate(seeds[random.below(seeds.count)]))
            }
            wire.finishSending()
            let (bytes, end) = await wire.rest()
            #expect(end != .silent)
            #expect(bytes.isEmpty || bytes.starts(with: "HTTP/1.1 ".utf8))
            guard host.isRunning else { break }
        }
        #expect(host.isRunning, "\(host.log.suffix(2_000))")
        #expect(try await host.http.call("echo", nil, "alive").text == "alive")
    }
}

/// Changes bytes at random, the same way in each run.
private struct Mutations {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (splitmix64).
    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }

    mutating func mutate(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0...below(3) where !bytes.isEmpty {
            let position = below(bytes.count)
            switch below(5) {
            case 0: bytes[position] = UInt8(below(256))
            case 1: bytes.remove(at: position)
            case 2: bytes.insert(Array("\r\n\0 :;,\t".utf8)[below(8)], at: position)
            case 3: bytes.removeSubrange(position...)
            default: bytes.insert(contentsOf: bytes[position...].prefix(below(40)), at: position)
            }
        }
        return bytes
    }
}
