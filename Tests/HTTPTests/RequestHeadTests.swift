import HostCore
import NIOHTTP1
import Testing

@testable import HostHTTP

@Suite struct RequestHeadTests {
    private func head(
        _ target: String = "/echo", _ headers: HTTPHeaders = [:], version: HTTPVersion = .http1_1
    ) -> RequestHead {
        RequestHead(HTTPRequestHead(version: version, method: .POST, uri: target, headers: headers))
    }

    @Test(
        "path and query of a request target",
        arguments: [
            ("/echo", "/echo", ""),
            ("/echo?a=1&b=2", "/echo", "a=1&b=2"),
            ("/echo?", "/echo", ""),
            ("/echo?a=1?b=2", "/echo", "a=1?b=2"),
            ("/echo?to=http://other/x", "/echo", "to=http://other/x"),
            ("//echo", "//echo", ""),
            ("http://host/echo", "/echo", ""),
            ("http://host:8000/echo?a=1", "/echo", "a=1"),
            ("HTTP://host/echo", "/echo", ""),
            ("http://host", "/", ""),
            ("http://host?a=1", "/", "a=1"),
            ("http://host?a=/echo", "/", "a=/echo"),
            ("*", "*", ""),
            ("host:443", "host:443", ""),
        ])
    func target(target: String, path: String, query: String) {
        let head = head(target)
        #expect(head.path == path)
        #expect(head.query == query)
    }

    @Test("headers are found whatever the case of their names")
    func headerNames() {
        let head = head(
            "/echo",
            [
                "CONTENT-TYPE": "text/plain", "x-serve-call-method": "upper",
                "X-Serve-Shard-Key": "key", "X-Request-Id": "id-1",
                "X-REQUEST-TIMEOUT-SECONDS": "2.5", "content-LENGTH": "17",
                "expect": "100-Continue",
            ])
        #expect(head.contentType == "text/plain")
        #expect(head.method == "upper")
        #expect(head.shardKey == "key")
        #expect(head.requestID == "id-1")
        #expect(head.contentLength == 17)
        #expect(head.expectsContinue)
        #expect((try? head.callFields.callerTimeout()) == .seconds(2.5))
    }

    @Test("headers of the same length as known ones are left alone")
    func otherHeaders() {
        let head = head(
            "/echo",
            ["X-Content-Ty": "a", "X-Request-I_": "b", "hos_": "c", "expec_": "100-continue"])
        #expect(head.contentType.isEmpty)
        #expect(head.requestID == nil)
        #expect(head.hostCount == 0)
        #expect(!head.expectsContinue)
    }

    @Test(
        "a positive number of seconds is a timeout", arguments: ["2", "0.25", "1e1", "999999999"])
    func timeout(text: String) throws {
        let timeout = try head("/echo", ["X-Request-Timeout-Seconds": text]).callFields
            .callerTimeout()
        #expect(timeout == .seconds(try #require(Double(text))))
    }

    @Test(
        "anything else is no timeout, and the refusal quotes it",
        arguments: [
            "", "0", "-1", "nan", "inf", "infinity", "1e9", "1e999", "soon", "2s", "1,5", "0x10",
            "1 2",
        ])
    func malformedTimeout(text: String) {
        let fields = head("/echo", ["X-Request-Timeout-Seconds": text]).callFields
        let error = #expect(throws: DispatchError.self) { try fields.callerTimeout() }
        #expect(error?.httpStatus == 400)
        #expect(error?.message.contains("X-Request-Timeout-Seconds is \(text)") ?? false)
    }

    @Test("a request without a timeout has none")
    func noTimeout() throws {
        #expect(try head().callFields.callerTimeout() == nil)
    }

    @Test("versions from HTTP/1.1 on are told from HTTP/1.0")
    func versions() {
        #expect(head(version: .http1_1).isHTTP11)
        #expect(head(version: HTTPVersion(major: 1, minor: 2)).isHTTP11)
        #expect(!head(version: .http1_0).isHTTP11)
    }

    @Test(
        "the transfer coding is told from all of its fields",
        arguments: [
            ([], .none), (["chunked"], .chunked), (["CHUNKED"], .chunked),
            (["chunked \t"], .chunked),
            (["gzip, chunked"], .chunkedAtLast), (["gzip", "chunked"], .chunkedAtLast),
            (["gzip,\tchunked"], .chunkedAtLast), (["chunked, chunked"], .chunkedAtLast),
            (["gzip"], .endless), (["chunked, gzip"], .endless), (["chunked", "gzip"], .endless),
            (["xchunked"], .endless), ([""], .endless), ([","], .endless),
            (["chunked,"], .chunkedAtLast),
        ] as [([String], RequestHead.TransferCoding)])
    func transferCoding(fields: [String], coding: RequestHead.TransferCoding) {
        let headers = HTTPHeaders(fields.map { ("Transfer-Encoding", $0) })
        #expect(head("/echo", headers).transferCoding == coding)
    }

    @Test(
        "white space behind a value is not part of it",
        arguments: [
            ("value", "value"), ("value  ", "value"), ("value\t ", "value"), (" \t", ""), ("", ""),
            ("a b", "a b"), ("\u{E9} ", "\u{E9}"),
        ])
    func whiteSpace(sent: String, value: String) {
        let head = head("/echo", ["Content-Type": sent, "X-Other": sent])
        #expect(head.contentType == value)
        #expect(head.fields.map(\.value) == [value, value])
    }

    @Test("a request id that can't stand in a log is no request id")
    func unfitRequestID() {
        #expect(head("/echo", ["X-Request-ID": "a b"]).requestID == nil)
        #expect(head("/echo", ["X-Request-ID": ""]).requestID == nil)
    }
}
