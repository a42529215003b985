internal import NIOHTTP1

/// What the host reads from a request's head, in one pass over the headers. A class, because it is handed around and
/// its dozen strings are not worth counting each time.
final class RequestHead: Sendable {
    let head: HTTPRequestHead
    let path: Substring
    let query: Substring
    let contentType: String
    let callMethod: String?
    let shardKey: String
    /// The caller's own, if it is acceptable.
    let requestID: String?
    let contentLength: Int?
    let expectsContinue: Bool
    let hasHost: Bool
    private let timeout: String?

    init(_ head: HTTPRequestHead) {
        self.head = head
        (path, query) = Self.split(head.uri)
        var found = Found()
        for (name, value) in head.headers {
            // The length tells most headers apart; only a likely one is compared.
            switch name.utf8.count {
            case 4 where Self.equal(name, "host"): found.hasHost = true
            case 6 where Self.equal(name, "expect"):
                found.expectsContinue = Self.equal(value, "100-continue")
            case 12 where Self.equal(name, "content-type"): found.contentType = value
            case 12 where Self.equal(name, "x-request-id"): found.requestID = value
            case 14 where Self.equal(name, "content-length"): found.contentLength = Int(value)
            case 17 where Self.equal(name, "x-serve-shard-key"): found.shardKey = value
            case 19 where Self.equal(name, "x-serve-call-method"): found.callMethod = value
            case 25 where Self.equal(name, "x-request-timeout-seconds"): found.timeout = value
            default: break
            }
        }
        contentType = found.contentType
        callMethod = found.callMethod
        shardKey = found.shardKey
        requestID = found.requestID.flatMap { RequestID.isAcceptable($0) ? $0 : nil }
        contentLength = found.contentLength
        expectsContinue = found.expectsContinue
        hasHost = found.hasHost
        timeout = found.timeout
    }

    private struct Found {
        var contentType = ""
        var callMethod: String?
        var shardKey = ""
        var requestID: String?
        var timeout: String?
        var contentLength: Int?
        var expectsContinue = false
        var hasHost = false
    }

    /// Whether the client speaks HTTP/1.1: connections persist, and bodies may come in chunks.
    var isHTTP11: Bool { (head.version.major, head.version.minor) >= (1, 1) }

    /// The caller's own limit.
    ///
    /// - Returns: nil when it set none.
    /// - Throws: ``Problem`` when it is no positive number of seconds.
    func callerTimeout() -> Result<Duration?, Problem> {
        guard let timeout else { return .success(nil) }
        guard let seconds = Double(timeout), seconds > 0, seconds < 1e9 else {
            return .failure(
                Problem(
                    .badRequest,
                    "X-Request-Timeout-Seconds is \(timeout): send a positive number of seconds, such as 2.5"
                ))
        }
        return .success(.seconds(seconds))
    }

    /// Path and query of a request target, in origin form (`/echo?a=1`) or absolute form (`http://host/echo`).
    ///
    /// Source: RFC 9112, section 3.2.
    private static func split(_ target: String) -> (Substring, Substring) {
        var rest = target[...]
        if !rest.utf8.starts(with: "/".utf8), let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
            rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        guard let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (rest, "") }
        return (rest[..<mark], rest[rest.utf8.index(after: mark)...])
    }

    /// Compares a header with a name in lower case.
    private static func equal(_ text: String, _ lowercased: StaticString) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            let expected = unsafe UnsafeBufferPointer(
                start: lowercased.utf8Start, count: lowercased.utf8CodeUnitCount)
            guard bytes.count == expected.count else { return false }
            return unsafe zip(bytes, expected).allSatisfy { byte, expected in
                byte == expected || (byte >= 0x41 && byte <= 0x5A && byte | 0x20 == expected)
            }
        }
    }
}
