import Foundation
import HostCore
import NIOCore
import NIOHTTP1
import Testing

@testable import HostHTTP

@Suite struct ProblemTests {
    @Test("a problem is a JSON object with title, status, detail and request id")
    func members() throws {
        let body = Problem(.notFound, "no \"such\"\n\u{1}thing").body(requestID: "id-1")
        let json = try JSONSerialization.jsonObject(with: Data(body.readableBytesView))
        let object = try #require(json as? [String: any Sendable])
        #expect(object.count == 4)
        #expect(object["title"] as? String == "Not Found")
        #expect(object["status"] as? Int == 404)
        #expect(object["detail"] as? String == "no \"such\"\n\u{1}thing")
        #expect(object["request_id"] as? String == "id-1")
    }

    @Test("a call that was turned away may be tried again")
    func retryAfter() {
        for code in [DispatchError.Code.queueFull, .unavailable] {
            let problem = Problem(DispatchError(code, "later"))
            #expect(problem.status == .serviceUnavailable)
            #expect(problem.headers.contains { $0 == ("retry-after", "1") })
        }
        #expect(Problem(DispatchError(.deadlineExceeded, "")).headers.isEmpty)
    }

    @Test("a plugin's failure without a message is named by its status")
    func withoutMessage() {
        #expect(
            Problem(DispatchError(.plugin(.outOfRange), "")).detail
                == "the plugin answered OUT_OF_RANGE")
        #expect(Problem(DispatchError(.plugin(.outOfRange), "17 > 3")).detail == "17 > 3")
    }

    @Test("a cancelled call has nginx's status, with a phrase")
    func cancelled() {
        let status = Problem(DispatchError(.cancelled, "")).status
        #expect(status.code == 499)
        #expect(status.reasonPhrase == "Client Closed Request")
    }
}

@Suite struct JSONTextTests {
    @Test("objects and arrays nest, with commas between members and elements")
    func nesting() {
        var json = JSONText()
        json.beginObject()
        json.member("a", 1)
        json.key("b")
        json.beginArray()
        json.string("x")
        json.beginArray()
        json.endArray()
        json.beginArray()
        json.string("y")
        json.endArray()
        json.endArray()
        json.member("c", "z")
        json.endObject()
        #expect(json.text == #"{"a":1,"b":["x",[],["y"]],"c":"z"}"#)
    }

    @Test("every string comes back as it went in")
    func strings() throws {
        var strings = (0..<0x180).compactMap { Unicode.Scalar($0).map { "a\($0)b" } }
        strings += ["", "\"", "\\", "\r\n", "e\u{301}", "👩‍👩‍👧", "\u{2028}", "\u{FFFF}", "\u{10FFFF}"]
        for string in strings {
            var json = JSONText()
            json.beginArray()
            json.string(string)
            json.endArray()
            let back = try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String]
            #expect(back?.first.map { Array($0.utf8) } == Array(string.utf8))
        }
    }
}
