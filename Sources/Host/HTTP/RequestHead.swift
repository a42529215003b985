internal import HostCore
internal import NIOCore
internal import NIOHTTP1

/// What the host reads from a request's head, in one pass over the headers. A class, because it is handed around and
/// its dozen strings are not worth counting each time.
final class RequestHead: SentHead {
    /// As they were sent, but for two things: values are without the white space around them (RFC 9110, section 5.5),
    /// and `Host` is the target's where that names one (RFC 9112, section 3.2.2). So all who look see the same.
    private enum Fields {
        /// By NIO.
        case decoded(HTTPHeaders)
        /// Made into texts for who asks.
        case received(PlainHead, ByteBuffer)
    }

    private let received: Fields
    let httpMethod: String
    /// Whether the client speaks HTTP/1.1: connections persist, and bodies may come in chunks.
    let isHTTP11: Bool
    /// Whether it was read here, and not by NIO's decoder.
    let isPlain: Bool
    /// All of it, if it came with the head.
    let body: ByteBuffer?
    let path: String
    let query: String
    let callFields: CallFields
    /// Larger than any body may be if it doesn't fit into the number.
    let contentLength: Int?
    let expectsContinue: Bool
    /// What the client expects beside that, which nobody can fulfil.
    let unknownExpectation: String?
    let hostCount: Int
    let hasValidHost: Bool
    /// Why the target is none, if it isn't.
    let targetProblem: String?
    /// The values of its `Transfer-Encoding` fields.
    let transferEncoding: String?
    /// Whether what follows is not HTTP/1.1 any more if the host agrees. It never does.
    let asksForOtherProtocol: Bool
    /// Whether the client takes one more response on the connection.
    let isKeepAlive: Bool
    /// Whether the client takes fields behind a body. Source: RFC 9110, section 10.1.4.
    let takesTrailers: Bool

    /// - Parameters:
    ///   - bytes: a buffer that begins with the head, and that nobody changes.
    ///   - texts: gives the texts that most requests have in common.
    init(
        _ plain: PlainHead, in bytes: ByteBuffer, body: ByteBuffer?, _ texts: inout RepeatedTexts
    ) {
        let span = bytes.readableBytesUInt8Span
        received = .received(plain, bytes)
        httpMethod = plain.httpMethod
        (isHTTP11, isPlain) = (true, true)
        self.body = body
        path = texts.path.text(span.extracting(plain.path.range))
        query = String(copying: span.extracting(plain.query.range))
        targetProblem = nil
        var call = CallFields()
        for field in CallFields.Field.allCases {
            let value = plain.range(of: field)
            guard value.isThere else { continue }
            let bytes = span.extracting(value.range)
            call.set(
                field,
                field == .contentType ? texts.contentType.text(bytes) : String(copying: bytes))
        }
        callFields = call
        contentLength = plain.contentLength
        (expectsContinue, unknownExpectation) = (false, nil)
        (hostCount, hasValidHost) = (1, true)
        (transferEncoding, asksForOtherProtocol, takesTrailers) = (nil, false, false)
        isKeepAlive = !plain.asksForClose
    }

    init(_ sent: HTTPRequestHead) {
        let target = RequestTarget(sent.uri, of: sent.method)
        (path, query, targetProblem) = (target.path, target.query, target.problem)
        let head = Self.tidy(sent, host: target.authority)
        var found = Found()
        for (name, value) in head.headers { found.read(name, value) }
        received = .decoded(head.headers)
        httpMethod = head.method.rawValue
        (isHTTP11, isPlain) = (Self.isHTTP11(head), false)
        body = nil
        callFields = found.call
        contentLength = found.contentLength
        expectsContinue = found.expectsContinue
        unknownExpectation = found.unknownExpectation
        hostCount = found.hostCount
        hasValidHost = found.hasValidHost
        transferEncoding = found.transferEncoding
        asksForOtherProtocol = found.asksForOtherProtocol || head.method == .CONNECT
        takesTrailers = found.takesTrailers && Self.isHTTP11(head)
        isKeepAlive =
            !found.asksForClose && (Self.isHTTP11(head) || found.asksForKeepAlive)
    }

    /// - Parameter host: what the target says in place of `Host`.
    private static func tidy(_ sent: HTTPRequestHead, host: String?) -> HTTPRequestHead {
        guard host != nil || sent.headers.contains(where: { hasWhiteSpaceAround($0.value) }) else {
            return sent
        }
        var fields = sent.headers.map { name, value in
            // One that is malformed stays as it is, and is refused for that.
            host != nil && HeaderName.areEqual(name, "host")
                && (value.isEmpty || HostSyntax.isHostAndPort(String(HTTPText.trimmed(value[...]))))
                ? (name, host ?? "") : (name, String(HTTPText.trimmed(value[...])))
        }
        if let host, !fields.contains(where: { HeaderName.areEqual($0.0, "host") }) {
            // HTTP/1.0 may leave it out; HTTP/1.1 is refused for that.
            if !isHTTP11(sent) { fields.append(("Host", host)) }
        }
        var head = sent
        head.headers = HTTPHeaders(fields)
        return head
    }

    private struct Found {
        var call = CallFields()
        var contentLength: Int?
        var expectsContinue = false
        var unknownExpectation: String?
        var hostCount = 0
        var hasValidHost = true
        var transferEncoding: String?
        var asksForOtherProtocol = false
        var asksForClose = false
        var takesTrailers = false
        var asksForKeepAlive = false

        mutating func read(_ name: String, _ value: String) {
            func isNamed(_ known: String) -> Bool { HeaderName.areEqual(name, known) }
            // The length tells most headers apart; only a likely one is compared.
            switch name.utf8.count {
            case 2 where isNamed("te"):
                takesTrailers =
                    takesTrailers
                    || HTTPText.elements(of: value)
                        .contains { HeaderName.areEqual(String($0), "trailers") }
            case 4 where isNamed("host"):
                hostCount += 1
                // An empty one is that of a target that has no host.
                hasValidHost =
                    hasValidHost && (value.isEmpty || HostSyntax.isHostAndPort(value))
            case 6 where isNamed("expect"): readExpectations(value)
            case 7 where isNamed("upgrade"): asksForOtherProtocol = true
            case 10 where isNamed("connection"): readConnection(value)
            case 14 where isNamed("content-length"):
                contentLength = Int(value) ?? (value.utf8.allSatisfy(\.isDigit) ? .max : nil)
            case 17 where isNamed("transfer-encoding"):
                transferEncoding = transferEncoding.map { "\($0), \(value)" } ?? value
            default: call.read(name, value)
            }
        }

        private mutating func readExpectations(_ value: String) {
            for expectation in HTTPText.elements(of: value).map(String.init) {
                if HeaderName.areEqual(expectation, "100-continue") {
                    expectsContinue = true
                } else {
                    unknownExpectation = expectation
                }
            }
        }

        /// Source: RFC 9112, section 9.3.
        private mutating func readConnection(_ value: String) {
            guard !HeaderName.areEqual(value, "keep-alive") else {
                asksForKeepAlive = true
                return
            }
            for option in HTTPText.elements(of: value).map(String.init) {
                if HeaderName.areEqual(option, "close") { asksForClose = true }
                if HeaderName.areEqual(option, "keep-alive") { asksForKeepAlive = true }
            }
        }
    }

    var isHEAD: Bool { httpMethod == "HEAD" }
    var method: String { callFields.method ?? CallMetadata.defaultMethod }
    var contentType: String { callFields.contentType ?? "" }
    var shardKey: String { callFields.shardKey ?? "" }

    /// The caller's own, if it is acceptable.
    var requestID: String? {
        callFields.requestID.flatMap { RequestID.isAcceptable($0) ? $0 : nil }
    }

    var headers: HeaderFields { HeaderFields(self) }

    private static func isHTTP11(_ head: HTTPRequestHead) -> Bool {
        (head.version.major, head.version.minor) >= (1, 1)
    }

    /// Whether there is a body, or may be one.
    var announcesBody: Bool { transferEncoding != nil || (contentLength ?? 0) > 0 }

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
        allFields.map { ($0.name.lowercased(), $0.value) }
    }

    private static func hasWhiteSpaceAround(_ value: String) -> Bool {
        isWhiteSpace(value.utf8.first) || isWhiteSpace(value.utf8.last)
    }

    private static func isWhiteSpace(_ byte: UInt8?) -> Bool { byte == .space || byte == .tab }
}

extension RequestHead: HeaderSource {
    var allFields: [HeaderFields.Field] {
        switch received {
        case .decoded(let headers): headers.map { ($0.name, $0.value) }
        case .received(let head, let bytes): Array(PlainFields(head, in: bytes))
        }
    }

    func values(of name: String) -> [String] {
        switch received {
        case .decoded(let headers): return headers[name]
        case .received(let head, let bytes):
            var fields = PlainFields(head, in: bytes)
            var values: [String] = []
            while let value = fields.nextValue(of: name) { values.append(value) }
            return values
        }
    }

    func firstValue(of name: String) -> String? {
        switch received {
        case .decoded(let headers): return headers.first(name: name)
        case .received(let head, let bytes):
            var fields = PlainFields(head, in: bytes)
            return fields.nextValue(of: name)
        }
    }
}
