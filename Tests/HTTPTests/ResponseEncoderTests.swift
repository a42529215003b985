import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import HostHTTP

@Suite struct ResponseEncoderTests {
    /// An encoded head's lines, without the date's value.
    private func lines(
        status: UInt = 200, contentType: String = "text/plain",
        framing: ResponseEncoder.Framing = .length(5),
        headers: [(name: String, value: String)] = [],
        keepAlive: ResponseEncoder.KeepAlive = .implied
    ) -> [String] {
        var encoder = ResponseEncoder()
        var buffer = ByteBuffer()
        encoder.encodeHead(
            status: .init(statusCode: Int(status)), contentType: contentType, framing: framing,
            headers: headers, keepAlive: keepAlive, into: &buffer)
        return String(buffer: buffer).components(separatedBy: "\r\n").map { line in
            line.hasPrefix("date: ") ? "date" : line
        }
    }

    @Test("a head has status, date, type and length, and ends with an empty line")
    func head() {
        #expect(
            lines() == [
                "HTTP/1.1 200 OK", "date", "content-type: text/plain", "content-length: 5", "", "",
            ])
    }

    @Test("a length of any size is written in full", arguments: [0, 9, 10, 1_234_567_890])
    func length(length: Int) {
        #expect(lines(framing: .length(length)).contains("content-length: \(length)"))
    }

    @Test("a status other than 200 has its own line")
    func status() {
        #expect(lines(status: 404)[0] == "HTTP/1.1 404 Not Found")
    }

    @Test("a body without a type is octets")
    func untyped() {
        #expect(lines(contentType: "").contains("content-type: application/octet-stream"))
    }

    @Test("a chunked head has no length, and one until the close has no framing")
    func framing() {
        let chunked = lines(framing: .chunked)
        #expect(chunked.contains("transfer-encoding: chunked"))
        #expect(!chunked.contains { $0.hasPrefix("content-length") })
        let untilClose = lines(framing: .untilClose, keepAlive: .no)
        #expect(!untilClose.contains { $0.hasPrefix("content-length") })
        #expect(!untilClose.contains { $0.hasPrefix("transfer-encoding") })
        #expect(untilClose.contains("connection: close"))
    }

    @Test("keep-alive is announced only where it has to be")
    func keepAlive() {
        #expect(!lines(keepAlive: .implied).contains { $0.hasPrefix("connection") })
        #expect(lines(keepAlive: .announced).contains("connection: keep-alive"))
        #expect(lines(keepAlive: .no).contains("connection: close"))
    }

    @Test(
        "a plugin can't write the headers that belong to the host",
        arguments: [
            "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer",
            "Content-Type", "Date", "Proxy-Connection", "TE",
        ])
    func hostsOwnHeaders(name: String) {
        let lines = lines(headers: [(name, "x"), ("X-Other", "y")])
        #expect(!lines.contains("\(name): x"))
        #expect(lines.contains("X-Other: y"))
    }

    @Test("long headers, and many, are written whole", arguments: [0, 1, 15, 16, 1_000, 60_000])
    func longHeaders(length: Int) {
        let text = String(repeating: "x", count: length)
        let headers = (0..<40).map { (name: "x-\($0)", value: text) }
        let lines = lines(
            status: 599, contentType: "text/\(text)", framing: .length(.max), headers: headers,
            keepAlive: .announced)
        #expect(lines.contains("content-type: text/\(text)"))
        #expect(lines.contains("content-length: \(Int.max)"))
        #expect(lines.filter { $0.hasPrefix("x-") } == headers.map { "\($0): \($1)" })
        #expect(lines.suffix(3) == ["connection: keep-alive", "", ""])
    }

    @Test("a header that comes twice is written twice, in order")
    func repeatedHeader() {
        let lines = lines(headers: [("set-cookie", "a"), ("vary", "b"), ("set-cookie", "c")])
        #expect(lines.suffix(5) == ["set-cookie: a", "vary: b", "set-cookie: c", "", ""])
    }

    @Test("a chunk has its size in hexadecimal")
    func chunk() {
        var buffer = ByteBuffer()
        ResponseEncoder.encodeChunk(
            ByteBuffer(string: String(repeating: "x", count: 26)), into: &buffer)
        ResponseEncoder.encodeLastChunk(into: &buffer)
        #expect(
            String(buffer: buffer)
                == "1a\r\n\(String(repeating: "x", count: 26))\r\n0\r\n\r\n")
    }
}

@Suite struct HTTPDateTests {
    @Test(
        "a second is written as IMF-fixdate",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),  // RFC 9110, section 5.6.7
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        ])
    func format(second: Int, text: String) {
        #expect(HTTPDate.format(second) == text)
    }

    @Test("the date that is written is the present one")
    func now() {
        var date = HTTPDate()
        let before = time(nil)
        let text = date.now()
        let after = time(nil)
        // The coarse clock may be a tick behind.
        let possible = (before - 1...after).map { HTTPDate.format($0) }
        #expect(possible.contains(text))
    }
}
