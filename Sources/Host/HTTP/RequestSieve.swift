internal import HostCore
internal import HostPipeline
internal import NIOHTTP1

/// Looks at the bytes of requests on their way to NIO's decoder, and refuses what that one would take: other protocols,
/// text that is not UTF-8, chunk extensions without end; and what it has no good response for: unknown methods, and
/// targets that are too long. Pure: no channel.
///
/// It only refuses, and never says what a request is: should the two disagree, the decoder still decides where one
/// request ends and the next begins. Source: RFC 9112.
struct RequestSieve {
    /// What has been found out about some bytes.
    struct Finding {
        /// How many of them go on to the decoder.
        var count = 0
        /// Bytes among those that are to be replaced before.
        var changes: [(offset: Int, byte: UInt8)] = []
        /// Why what follows is refused. nil: the bytes that don't go on are to be shown again, with those that follow.
        var problem: Problem?
    }

    private enum State {
        /// Between requests.
        case idle
        case method, target, protocolName, version
        case fieldStart, fieldName, longFieldName, fieldValue
        case body, chunkSize, chunkExtension, chunkData
        /// Ends of lines: what follows them stands behind.
        case lineFeed(next: Next)
        case chunkDataEnd
        case refused
    }

    private enum Next {
        case field, message, chunk, chunkSize
    }

    private enum Step {
        case go
        /// The bytes from here on are not enough.
        case wait
        case refuse(Problem)
    }

    /// The fields that the sieve itself has to understand.
    private enum Field {
        case contentLength, transferEncoding, other
    }

    /// The longest method, or name of a field, that is waited for; longer ones are none that matter.
    private static let longestName = 32
    /// The longest text that could be a protocol with its version.
    private static let longestProtocol = 16
    /// Hexadecimal digits of 64 bits. Zeros in front could go on for ever.
    private static let mostChunkSizeDigits = 16
    /// Bytes of chunk extensions that a body may have in any case; and one more for so many bytes of the body, so that
    /// there is room for signatures of large chunks.
    private static let freeExtensions: UInt64 = 4 << 10
    private static let bodyPerExtension: UInt64 = 64

    private let maxTargetSize: Int
    private let hidesUpgrades: Bool
    private var state = State.idle
    /// Of the target, or of a chunk's size in digits.
    private var size = 0
    private var field = Field.other
    private var utf8 = UTF8Progress()
    private var isChunked = false
    private var isTrailer = false
    /// Bytes of the body, or of the chunk, that are still to come.
    private var remaining: UInt64 = 0
    private var bodySize: UInt64 = 0
    private var extensionSize: UInt64 = 0

    /// - Parameters:
    ///   - maxTargetSize: in bytes.
    ///   - hidesUpgrades: whether the decoder is not to see that a client asks for another protocol. It would keep all
    ///     that follows such a request.
    init(maxTargetSize: Int, hidesUpgrades: Bool = false) {
        self.maxTargetSize = maxTargetSize
        self.hidesUpgrades = hidesUpgrades
    }

    mutating func scan(_ bytes: Span<UInt8>) -> Finding {
        var finding = Finding()
        var index = 0
        scanning: while index < bytes.count {
            switch step(bytes, &index, &finding.changes) {
            case .go: continue
            case .wait: break scanning
            case .refuse(let problem):
                state = .refused
                finding.problem = problem
                break scanning
            }
        }
        finding.count = index
        return finding
    }

    private mutating func step(
        _ bytes: Span<UInt8>, _ index: inout Int, _ changes: inout [(offset: Int, byte: UInt8)]
    ) -> Step {
        switch state {
        case .idle: return begin(bytes, &index)
        case .method: return scanMethod(bytes, &index)
        case .target: return scanTarget(bytes, &index)
        case .protocolName: return scanProtocol(bytes, &index)
        case .version: return scanLine(bytes, &index)
        case .fieldStart: return beginField(bytes, &index)
        case .fieldName: return scanFieldName(bytes, &index, &changes)
        case .longFieldName: return scanLongFieldName(bytes, &index)
        case .fieldValue: return scanFieldValue(bytes, &index, &changes)
        case .body, .chunkData: return skipBody(bytes, &index)
        case .chunkSize: return scanChunkSize(bytes, &index)
        case .chunkExtension: return scanChunkExtension(bytes, &index)
        case .lineFeed(let next):
            guard bytes[index] == .lineFeed else { return surprise(&index) }
            index += 1
            return go(on: next)
        case .chunkDataEnd:
            guard bytes[index] == .carriageReturn else { return surprise(&index) }
            index += 1
            return go(.lineFeed(next: .chunkSize))
        case .refused: return .wait
        }
    }

    private mutating func go(_ next: State) -> Step {
        state = next
        return .go
    }

    /// No request has such a byte there. The decoder gets to see it first, and may know better what is wrong.
    private func surprise(_ index: inout Int) -> Step {
        index += 1
        return .refuse(.malformed("the request is not valid HTTP/1.1"))
    }

    private func refuse(_ status: HTTPResponseStatus, _ detail: String) -> Step {
        .refuse(Problem(status, detail, closesConnection: true))
    }

    // MARK: The request line

    private mutating func begin(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        // RFC 9112, section 2.2: empty lines in front are none of the request's.
        guard bytes[index] != .carriageReturn, bytes[index] != .lineFeed else {
            index += 1
            return .go
        }
        (isChunked, isTrailer) = (false, false)
        (remaining, bodySize, extensionSize) = (0, 0, 0)
        return go(.method)
    }

    private mutating func scanMethod(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        let end = tokenEnd(bytes, from: index)
        if end - index > Self.longestName { return refuse(.notImplemented, Self.unknownMethod) }
        guard end < bytes.count else { return .wait }
        guard end > index, bytes[end] == .space else {
            index = end
            return surprise(&index)
        }
        let method = bytes.extracting(index..<end)
        if HTTPMethods.isHTTP2Preface(method) {
            return refuse(.httpVersionNotSupported, Self.versions)
        }
        guard HTTPMethods.contains(method) else {
            return refuse(.notImplemented, Self.unknownMethod)
        }
        if hidesUpgrades, HTTPMethods.isConnect(method) {
            return refuse(.notImplemented, "the host is no proxy")
        }
        index = end + 1
        size = 0
        utf8 = UTF8Progress()
        return go(.target)
    }

    private static let unknownMethod = "the request's HTTP method is none that the host knows"

    private mutating func scanTarget(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case .space:
                guard size > 0, utf8.isWhole else { return surprise(&index) }
                index += 1
                return go(.protocolName)
            case .carriageReturn where size > 0, .lineFeed where size > 0:
                // HTTP/0.9 had no more in this line.
                index += 1
                return refuse(.httpVersionNotSupported, Self.versions)
            case 0...0x20, 0x7F, UInt8(ascii: "#"):
                // RFC 9110, section 7.1: a fragment stays with the client.
                return surprise(&index)
            default: break
            }
            guard utf8.take(byte) else { return .refuse(Self.notUTF8) }
            guard size < maxTargetSize else {
                return refuse(
                    .uriTooLong, "the request's target is over the limit of \(maxTargetSize) bytes")
            }
            size += 1
            index += 1
        }
        return .go
    }

    private static let versions = "this port speaks HTTP/1.1 and HTTP/1.0"
    private static let notUTF8 = Problem.malformed("the request's head is not UTF-8")

    private mutating func scanProtocol(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        var end = index
        while end < bytes.count, bytes[end] > .space { end += 1 }
        if end == bytes.count, end - index < Self.longestProtocol { return .wait }
        let text = bytes.extracting(index..<end)
        guard text.starts(with: "HTTP/") else {
            return Self.isVersion(text)
                ? refuse(.httpVersionNotSupported, Self.versions)
                : .refuse(.malformed("the request line is not valid HTTP/1.1"))
        }
        index = end
        return go(.version)
    }

    /// Whether a text names a protocol and its version, such as `RTSP/1.0`.
    private static func isVersion(_ text: Span<UInt8>) -> Bool {
        let count = text.count
        guard count >= 5, text[count - 4] == UInt8(ascii: "/"), text[count - 2] == UInt8(ascii: ".")
        else { return false }
        for index in 0..<count - 4 where !text[index].isLetter { return false }
        return text[count - 3].isDigit && text[count - 1].isDigit
    }

    /// The rest of the request line: the decoder has seen the version.
    private mutating func scanLine(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        guard bytes[index] == .carriageReturn else {
            index += 1
            return refuse(.httpVersionNotSupported, Self.versions)
        }
        index += 1
        return go(.lineFeed(next: .field))
    }

    /// Where a token ends that begins at an index, as far as it matters. Source: RFC 9110, section 5.6.2.
    private func tokenEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var end = start
        while end < bytes.count, end - start <= Self.longestName, bytes[end].isTokenByte {
            end += 1
        }
        return end
    }
}

// MARK: Fields

extension RequestSieve {
    private mutating func beginField(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        switch bytes[index] {
        case .carriageReturn:
            index += 1
            return go(.lineFeed(next: .message))
        // Lines that go on in the next one are history (RFC 9112, section 5.2).
        case .space, .tab, .lineFeed: return surprise(&index)
        default: return go(.fieldName)
        }
    }

    private mutating func scanFieldName(
        _ bytes: Span<UInt8>, _ index: inout Int, _ changes: inout [(offset: Int, byte: UInt8)]
    ) -> Step {
        let end = tokenEnd(bytes, from: index)
        if end - index > Self.longestName {
            index = end
            field = .other
            return go(.longFieldName)
        }
        guard end < bytes.count else { return .wait }
        guard end > index, bytes[end] == UInt8(ascii: ":") else {
            index = end
            return surprise(&index)
        }
        let name = bytes.extracting(index..<end)
        field = .other
        // A trailer frames nothing.
        if name.equals(lowercased: "content-length"), !isTrailer { field = .contentLength }
        if name.equals(lowercased: "transfer-encoding"), !isTrailer {
            field = .transferEncoding
            isChunked = true
        }
        if hidesUpgrades, name.equals(lowercased: "upgrade") {
            changes.append((index, UInt8(ascii: "x")))
        }
        index = end + 1
        utf8 = UTF8Progress()
        return go(.fieldValue)
    }

    private mutating func scanLongFieldName(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        while index < bytes.count, bytes[index].isTokenByte { index += 1 }
        guard index < bytes.count else { return .go }
        guard bytes[index] == UInt8(ascii: ":") else { return surprise(&index) }
        index += 1
        utf8 = UTF8Progress()
        return go(.fieldValue)
    }

    private mutating func scanFieldValue(
        _ bytes: Span<UInt8>, _ index: inout Int, _ changes: inout [(offset: Int, byte: UInt8)]
    ) -> Step {
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case .carriageReturn:
                guard utf8.isWhole else { return .refuse(Self.notUTF8) }
                index += 1
                return go(.lineFeed(next: .field))
            case .tab:
                // The decoder knows no tabs around what it reads itself.
                if field != .other { changes.append((index, .space)) }
            case 0..<0x20, 0x7F: return surprise(&index)
            default:
                if field == .contentLength, byte.isDigit { addLengthDigit(byte) }
            }
            guard utf8.take(byte) else { return .refuse(Self.notUTF8) }
            index += 1
        }
        return .go
    }

    /// What is no number, or has no end, the decoder refuses.
    private mutating func addLengthDigit(_ byte: UInt8) {
        let (tenfold, overflows) = remaining.multipliedReportingOverflow(by: 10)
        let (sum, overflowsToo) = tenfold.addingReportingOverflow(
            UInt64(byte - UInt8(ascii: "0")))
        remaining = overflows || overflowsToo ? .max : sum
    }
}

// MARK: Bodies

extension RequestSieve {
    private mutating func go(on next: Next) -> Step {
        switch next {
        case .field: return go(.fieldStart)
        case .message where isTrailer: return go(.idle)
        case .message where isChunked:
            (remaining, size) = (0, 0)
            return go(.chunkSize)
        case .message: return go(remaining > 0 ? .body : .idle)
        case .chunk where remaining == 0:
            isTrailer = true
            return go(.fieldStart)
        case .chunk: return go(.chunkData)
        case .chunkSize:
            (remaining, size) = (0, 0)
            return go(.chunkSize)
        }
    }

    private mutating func skipBody(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        let count = min(UInt64(bytes.count - index), remaining)
        index += Int(count)
        remaining -= count
        bodySize += count
        guard remaining == 0 else { return .go }
        if case .chunkData = state { return go(.chunkDataEnd) }
        return go(.idle)
    }

    private mutating func scanChunkSize(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        let byte = bytes[index]
        if let digit = byte.hexadecimalDigit {
            guard size < Self.mostChunkSizeDigits else { return surprise(&index) }
            size += 1
            remaining = remaining << 4 | UInt64(digit)
            index += 1
            return .go
        }
        guard size > 0 else { return surprise(&index) }
        switch byte {
        case .carriageReturn:
            index += 1
            return go(.lineFeed(next: .chunk))
        case .space, .tab, UInt8(ascii: ";"): return go(.chunkExtension)
        default: return surprise(&index)
        }
    }

    private mutating func scanChunkExtension(_ bytes: Span<UInt8>, _ index: inout Int) -> Step {
        let limit = Self.freeExtensions + bodySize / Self.bodyPerExtension
        while index < bytes.count {
            switch bytes[index] {
            case .carriageReturn:
                index += 1
                return go(.lineFeed(next: .chunk))
            case .lineFeed: return surprise(&index)
            default: break
            }
            guard extensionSize < limit else {
                return .refuse(.malformed("the body's chunks have more extensions than are taken"))
            }
            extensionSize += 1
            index += 1
        }
        return .go
    }
}

extension Problem {
    static func malformed(_ detail: String) -> Problem {
        Problem(.badRequest, detail, closesConnection: true)
    }
}
