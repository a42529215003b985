import NIOCore
import NIOHTTP1
import Testing

@testable import HostHTTP

@Suite struct RequestSieveTests {
    private struct Outcome: Equatable {
        var passed = ""
        var status: Int?
    }

    /// What comes through of bytes that arrive in pieces.
    private func sieve(_ pieces: [[UInt8]], hidesUpgrades: Bool = false) -> Outcome {
        var sieve = RequestSieve(maxTargetSize: 100, hidesUpgrades: hidesUpgrades)
        var (outcome, passed, held) = (Outcome(), [UInt8](), [UInt8]())
        for piece in pieces {
            var bytes = held + piece
            let finding = sieve.scan(bytes.span)
            for (offset, byte) in finding.changes { bytes[offset] = byte }
            passed += bytes[..<finding.count]
            if let problem = finding.problem {
                outcome.status = Int(problem.status.code)
                break
            }
            held = Array(bytes[finding.count...])
            #expect(held.count <= 64, "what is held is small")
        }
        outcome.passed = String(decoding: passed, as: UTF8.self)
        return outcome
    }

    private func sieve(_ text: String, hidesUpgrades: Bool = false) -> Outcome {
        sieve([Array(text.utf8)], hidesUpgrades: hidesUpgrades)
    }

    private static let good = [
        "GET / HTTP/1.1\r\n\r\n",
        "GET /a?b=%20 HTTP/1.0\r\nHost: a\r\n\r\n",
        "\r\n\r\nPOST http://a/ HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET\0\nHEAD / HTTP/1.1\r\n\r\n",
        "PURGE /\u{E9} HTTP/1.1\r\nX-Long-Name-That-Is-Longer-Than-All-Known: \u{1F600}\tx \r\nY:\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00A \r\n0123456789\r\n"
            + "0\r\nTrailer: x\r\nContent-Length: 7\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ]

    @Test("what is valid passes as it is, however it is cut", arguments: good)
    func passes(text: String) {
        let bytes = Array(text.utf8)
        #expect(sieve([bytes]) == Outcome(passed: text))
        #expect(sieve(bytes.map { [$0] }) == Outcome(passed: text))
        for cut in bytes.indices {
            #expect(
                sieve([Array(bytes[..<cut]), Array(bytes[cut...])]) == Outcome(passed: text),
                "cut at \(cut)")
        }
    }

    @Test(
        "what is refused is refused however it is cut, and what comes before it passes",
        arguments: [
            ("BREW / HTTP/1.1\r\n", 501), ("GET / RTSP/1.0\r\n", 505), ("PRI * HTTP/2.0\r\n", 505),
            ("GET / x y\r\n", 400),
            ("GET /\r\n", 505), ("GET  / HTTP/1.1\r\n", 400), ("GET /a b HTTP/1.1\r\n", 400),
            ("GET /#a HTTP/1.1\r\n", 400), ("no request\r\n", 501), ("GET / HTTP/1.1\nHost", 505),
            ("GET /\(String(repeating: "x", count: 100)) HTTP/1.1\r\n", 414),
            ("GET / HTTP/1.1\r\n folded\r\n\r\n", 400), ("GET / HTTP/1.1\r\n: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA : a\r\n\r\n", 400), ("GET / HTTP/1.1\r\nA: \u{1}\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: a\n\r\n", 400), ("GET / HTTP/1.1\r\nA: a\r\n\n", 400),
        ])
    func refuses(text: String, status: Int) {
        for first in ["", Self.good[2], Self.good[4]] {
            let bytes = Array((first + text).utf8)
            let whole = sieve([bytes])
            #expect(whole.status == status, "\(text)")
            #expect(whole.passed.hasPrefix(first))
            #expect(sieve(bytes.map { [$0] }).status == status, "\(text)")
        }
    }

    @Test("nothing of a method that is not known passes")
    func unknownMethod() {
        #expect(sieve(Array("BREW / HTTP/1.1\r\n".utf8).map { [$0] }).passed.isEmpty)
        #expect(sieve(String(repeating: "A", count: 50)) == Outcome(status: 501))
    }

    @Test("extensions of chunks have a limit, which grows with the body")
    func extensions() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        let signed =
            "10000;chunk-signature=\(String(repeating: "a", count: 64))\r\n"
            + String(repeating: "x", count: 1 << 16) + "\r\n"
        let many = head + String(repeating: signed, count: 100) + "0\r\n\r\n"
        #expect(sieve(many) == Outcome(passed: many))
        let tiny = "1;\(String(repeating: "e", count: 1_000))\r\nx\r\n"
        #expect(sieve(head + String(repeating: tiny, count: 4)).status == nil)
        #expect(sieve(head + String(repeating: tiny, count: 5)).status == 400)
        #expect(sieve(head + String(repeating: "0", count: 16) + "\r\n").status == nil)
        #expect(sieve(head + String(repeating: "0", count: 17) + "\r\n").status == 400)
    }

    @Test("the decoder sees no tabs around a length")
    func tabs() {
        let text = "POST / HTTP/1.1\r\nA: \t\r\nContent-Length:\t3\t \r\n\r\nabc"
        let expected = "POST / HTTP/1.1\r\nA: \t\r\nContent-Length: 3  \r\n\r\nabc"
        #expect(sieve(text).passed == expected)
        #expect(sieve(Array(text.utf8).map { [$0] }).passed == expected)
    }

    @Test("the decoder sees no wish for another protocol where that is asked")
    func upgrades() {
        let text = "GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        #expect(sieve(text).passed == text)
        let hidden = text.replacing("Upgrade: x", with: "xpgrade: x")
        #expect(sieve(text, hidesUpgrades: true).passed == hidden)
        #expect(sieve(Array(text.utf8).map { [$0] }, hidesUpgrades: true).passed == hidden)
        #expect(sieve("CONNECT a:1 HTTP/1.1\r\n", hidesUpgrades: true).status == 501)
        #expect(sieve("CONNECT a:1 HTTP/1.1\r\n").status == nil)
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF],
        ] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) {
        for (start, end) in [("GET /", " HTTP/1.1\r\n"), ("GET / HTTP/1.1\r\nA: ", "\r\n\r\n")] {
            let all = Array(start.utf8) + bytes + Array(end.utf8)
            #expect(sieve([all]).status == 400)
            #expect(sieve(all.map { [$0] }).status == 400)
        }
    }

    @Test("random bytes change nothing and are not waited for")
    func random() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("GET POST/HTTP1.:\r\n\t;0aContent-Length\u{0}\u{E9}".utf8)
        for _ in 0..<2_000 {
            let bytes = (0..<200).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            let whole = sieve([bytes])
            let single = sieve(bytes.map { [$0] })
            #expect(whole == single, "\(bytes)")
        }
    }
}
