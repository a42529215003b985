internal import HostDispatch
internal import HostMiddleware
internal import HostPlugins
internal import NIOHTTP1

/// What the host reads from a request's head, in one pass over the headers. A class, because it is handed around and
/// its dozen strings are not worth counting each time.
final class RequestHead: SentHead {
    let head: HTTPRequestHead
    let path: String
    let query: String
    let contentType: String
    /// The plugin's method that is called.
    let method: String
    let shardKey: String
    /// The caller's own, if it is acceptable.
    let requestID: String?
    let contentLength: Int?
    let expectsContinue: Bool
    let hostCount: Int
    let hasValidHost: Bool
    /// The values of its `Transfer-Encoding` fields.
    let transferEncoding: String?
    /// Whether what follows is not HTTP/1.1 any more if the host agrees. It never does.
    let asksForOtherProtocol: Bool
    private let timeout: String?

    init(_ head: HTTPRequestHead) {
        self.head = head
        (path, query) = Self.split(head.uri)
        var found = Found()
        for (name, untrimmed) in head.headers {
            let value = Self.trimmed(untrimmed)
            func isNamed(_ known: String) -> Bool { HeaderName.areEqual(name, known) }
            // The length tells most headers apart; only a likely one is compared.
            switch name.utf8.count {
            case 4 where isNamed("host"):
                found.hostCount += 1
                found.hasValidHost = found.hasValidHost && value.utf8.allSatisfy(Self.isHostByte)
            case 6 where isNamed("expect"):
                found.expectsContinue = HeaderName.areEqual(value, "100-continue")
            case 7 where isNamed("upgrade"): found.asksForOtherProtocol = true
            case 12 where isNamed("content-type"): found.contentType = value
            case 12 where isNamed("x-request-id"): found.requestID = value
            case 14 where isNamed("content-length"): found.contentLength = Int(value)
            case 17 where isNamed("x-serve-shard-key"): found.shardKey = value
            case 17 where isNamed("transfer-encoding"):
                found.transferEncoding = found.transferEncoding.map { "\($0), \(value)" } ?? value
            case 19 where isNamed("x-serve-call-method"): found.callMethod = value
            case 25 where isNamed("x-request-timeout-seconds"): found.timeout = value
            default: break
            }
        }
        contentType = found.contentType
        method = found.callMethod ?? PluginDescriptor.defaultMethod
        shardKey = found.shardKey
        requestID = found.requestID.flatMap { RequestID.isAcceptable($0) ? $0 : nil }
        contentLength = found.contentLength
        expectsContinue = found.expectsContinue
        hostCount = found.hostCount
        hasValidHost = found.hasValidHost
        transferEncoding = found.transferEncoding
        asksForOtherProtocol = found.asksForOtherProtocol || head.method == .CONNECT
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
        var hostCount = 0
        var hasValidHost = true
        var transferEncoding: String?
        var asksForOtherProtocol = false
    }

    var httpMethod: String { head.method.rawValue }

    var headers: HTTPHeaders { head.headers }

    /// Whether the client speaks HTTP/1.1: connections persist, and bodies may come in chunks.
    var isHTTP11: Bool { (head.version.major, head.version.minor) >= (1, 1) }

    enum TransferCoding {
        case none
        case chunked
        /// Chunked, and below that codings that the host can't undo.
        case chunkedAtLast
        /// Nobody can tell where the body ends.
        case endless
    }

    var transferCoding: TransferCoding {
        guard let transferEncoding else { return .none }
        if HeaderName.areEqual(transferEncoding, "chunked") { return .chunked }
        let last = transferEncoding.split(separator: ",").last ?? ""
        let coding = String(last.drop { $0 == " " || $0 == "\t" })
        return HeaderName.areEqual(coding, "chunked") ? .chunkedAtLast : .endless
    }

    /// The header fields in the order sent, names in lower case.
    var fields: [(name: String, value: String)] {
        head.headers.map { ($0.name.lowercased(), Self.trimmed($0.value)) }
    }

    /// The caller's own limit.
    ///
    /// - Returns: nil when it set none.
    /// - Throws: ``Problem`` when it is no positive number of seconds.
    func callerTimeout() -> Result<Duration?, Problem> {
        guard let timeout else { return .success(nil) }
        // `Double` takes more than decimal numbers.
        guard timeout.utf8.allSatisfy("0123456789.eE+-".utf8.contains),
            let seconds = Double(timeout), seconds > 0, seconds < 1e9
        else {
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
    private static func split(_ target: String) -> (path: String, query: String) {
        var rest = target[...]
        if !rest.utf8.starts(with: "/".utf8), let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
            rest = rest[(rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex)...]
        }
        let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?"))
        let path = rest[..<(mark ?? rest.endIndex)]
        let query = mark.map { rest[rest.utf8.index(after: $0)...] } ?? ""
        return (path.isEmpty ? "/" : String(path), String(query))
    }

    /// A field's value without the white space that may stand behind it, which NIO's decoder leaves there.
    ///
    /// Source: RFC 9112, section 5.1.
    private static func trimmed(_ value: String) -> String {
        func isWhiteSpace(_ byte: UInt8?) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
        }
        guard isWhiteSpace(value.utf8.last) else { return value }
        var bytes = value.utf8[...]
        while isWhiteSpace(bytes.last) { bytes.removeLast() }
        return String(Substring(bytes))
    }

    /// Whether a byte may stand in a host's name or address with its port.
    ///
    /// Source: RFC 3986, sections 3.2.2 and 3.2.3.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: ":"):
            true
        default: "-_~!$&'()*+,;=%[]".utf8.contains(byte)
        }
    }
}
