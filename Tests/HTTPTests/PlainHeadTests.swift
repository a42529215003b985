import HostCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import HostHTTP

@Suite struct PlainHeadTests {
    private enum Outcome: Equatable {
        case head, incomplete, other
    }

    private func read(_ text: String, limit: Int = 8 << 10) -> Outcome {
        let bytes = Array(text.utf8)
        switch PlainHead.read(bytes.span, limit: limit) {
        case .head: return .head
        case .incomplete: return .incomplete
        case .other: return .other
        }
    }

    private func request(_ text: String) throws -> RequestHead {
        let bytes = ByteBuffer(string: text)
        var texts = RepeatedTexts()
        guard case .head(let head) = PlainHead.read(bytes.readableBytesUInt8Span, limit: 8 << 10)
        else { throw NotPlain() }
        return RequestHead(head, in: bytes, body: nil, &texts)
    }

    private struct NotPlain: Error {}

    /// The same by NIO's decoder.
    private func decoded(_ text: String) throws -> RequestHead {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        try channel.writeInbound(ByteBuffer(string: text))
        guard case .head(let head) = try channel.readInbound(as: HTTPServerRequestPart.self) else {
            throw NotPlain()
        }
        return RequestHead(head)
    }

    static let plain = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo?a=1?b HTTP/1.1\r\nhost:127.0.0.1:8000\r\nContent-Length: 5\r\n\r\n",
        "PUT //a/%20? HTTP/1.1\r\nA: 1\r\nHOST: \t [::1]:80\t \r\na:\r\nA: x y\tz  \r\n\r\n",
        "PATCH /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=utf-8\r\n"
            + "X-SERVE-CALL-METHOD: upper\r\nx-serve-shard-key: k\r\nX-Request-Id: 12\r\n"
            + "X-Request-Timeout-Seconds: 2.5\r\nConnection: Keep-Alive\r\n\r\n",
        "HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\nContent-Length: 000\r\n\r\n",
        "OPTIONS /!$&'()*+,;=:@-._~ HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~: {\"}\r\n\r\n",
    ]

    @Test("the plain form means what the decoder makes of it", arguments: plain)
    func means(text: String) throws {
        let (own, decoded) = (try request(text), try decoded(text))
        #expect(own.httpMethod == decoded.httpMethod)
        #expect(own.path == decoded.path)
        #expect(own.query == decoded.query)
        #expect(own.fields.map(\.name) == decoded.fields.map(\.name))
        #expect(own.fields.map(\.value) == decoded.fields.map(\.value))
        #expect(own.contentLength == decoded.contentLength)
        #expect(own.isKeepAlive == decoded.isKeepAlive)
        #expect(own.isHTTP11 && decoded.isHTTP11 && decoded.hostCount == 1 && decoded.hasValidHost)
        #expect(own.contentType == decoded.contentType)
        #expect(own.method == decoded.method)
        #expect(own.shardKey == decoded.shardKey)
        #expect(own.requestID == decoded.requestID)
        #expect(try own.callFields.callerTimeout() == decoded.callFields.callerTimeout())
        #expect(own.headers.first(name: "hOST") == decoded.headers.first(name: "host"))
        #expect(own.headers["a"] == decoded.headers["A"])
        #expect(own.headers["none"].isEmpty)
    }

    @Test("a head that has not arrived is waited for, wherever it is cut", arguments: plain)
    func cut(text: String) {
        for end in 0..<text.utf8.count {
            let cut = String(decoding: text.utf8.prefix(end), as: UTF8.self)
            #expect(read(cut) == .incomplete, "cut at \(end)")
        }
        #expect(read(text) == .head)
        #expect(read(text + "and what comes behind it\r\n") == .head)
        #expect(read(text, limit: text.utf8.count) == .head)
        #expect(read(text, limit: text.utf8.count - 1) == .other)
    }

    @Test(
        "what is in another form is left to the decoder at once",
        arguments: [
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "get / HTTP/1.1\r\n", "PURGE / HTTP/1.1\r\n",
            "PROPFINDS", "GET  / HTTP", "GET * HTTP/1.1\r\n", "GET http://a/ HTTP/1.1\r\n",
            "GET /\u{E9} HTTP/1.1\r\n", "GET /a#b HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "GET /\r\n",
            "GET / HTTP/1.1\n", "GET / HTTP/1.1 \r\n", "GET / HTTP/1.1\r\n: a\r\n",
            "GET / HTTP/1.1\r\nA : a\r\n", "GET / HTTP/1.1\r\n A: a\r\n",
            "GET / HTTP/1.1\r\nA: a\n", "GET / HTTP/1.1\r\nA: a\r\r\n",
            "GET / HTTP/1.1\r\nA: \u{7F}\r\n", "GET / HTTP/1.1\r\nA: \u{0}\r\n",
            "GET / HTTP/1.1\r\nA: \u{E9}\r\n", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
            "GET / HTTP/1.1\r\nexpect: 100-continue\r\n", "GET / HTTP/1.1\r\nUpgrade: a\r\n",
            "GET / HTTP/1.1\r\nTE: trailers\r\n", "GET / HTTP/1.1\r\nproxy-connection: close\r\n",
            "GET / HTTP/1.1\r\nConnection: close, a\r\n", "GET / HTTP/1.1\r\nConnection:\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "GET / HTTP/1.1\r\nA: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
            "GET / HTTP/1.1\r\nContent-Length: +1\r\n", "GET / HTTP/1.1\r\nContent-Length:\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1 1\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1234567890123456789\r\n",
            "GET / HTTP/1.1\r\nContent-Type: a\r\nContent-Type: a\r\n",
            "GET / HTTP/1.1\r\nX-SERVE-CALL-METHOD: a\r\nx-serve-call-method: b\r\n",
        ])
    func other(text: String) {
        #expect(read(text) == .other)
        #expect(read(text + "more") == .other)
    }

    @Test("the limits are those of the decoder, or below")
    func limits() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        let fields = String(repeating: "a:\r\n", count: IngressSettings.maxHeaderCount - 1)
        #expect(read(start + fields + "\r\n") == .head)
        #expect(read(start + fields + "a:\r\n\r\n") == .other)
        let long = start + "a: " + String(repeating: "x", count: 8 << 10)
        #expect(read(long, limit: 32 << 10) == .other)
    }
}
