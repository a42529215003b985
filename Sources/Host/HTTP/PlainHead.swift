package import HostCore
package import NIOCore

/// The head of a request in the plain form, which nearly every client sends: where in the received bytes its parts are.
///
/// Read in one pass, and strict: what it takes, NIO's decoder takes with the same meaning. All else that may be a
/// request goes to that decoder, from the request's first byte: other versions than HTTP/1.1, other methods than the
/// common ones, targets that are no path, bytes over 0x7E, `Transfer-Encoding`, `Expect`, `Upgrade`, options of
/// `Connection` other than `close` and `keep-alive`, `TE`, a field that means something to the host and is there twice,
/// ends of lines that are no CRLF. Source: RFC 9112, sections 2 to 6.
package struct PlainHead {
    /// Some of the bytes.
    package struct TextRange {
        package private(set) var start: UInt16 = 0
        package private(set) var end: UInt16 = 0

        init() {}

        init(_ start: Int, _ end: Int) {
            (self.start, self.end) = (UInt16(start), UInt16(end))
        }

        /// No text is in front of the method, not even an empty one.
        var isThere: Bool { end > 0 }
        package var range: Range<Int> { Int(start)..<Int(end) }
    }

    package enum Reading {
        case head(PlainHead)
        /// A head begins so, and has not arrived.
        case incomplete
        /// Not in the plain form, or not as far as it has come.
        case other
    }

    /// The largest head that is read here, in bytes.
    package static let maxSize = 8 << 10

    package private(set) var httpMethod = ""
    package private(set) var path = TextRange()
    /// Without "?".
    package private(set) var query = TextRange()
    private(set) var fields = TextRange()
    /// How many bytes it has, with the empty line at its end.
    package private(set) var size = 0
    package private(set) var contentLength: Int?
    private(set) var asksForClose = false
    private var callFields = InlineArray<5, TextRange>(repeating: TextRange())
    private var host = TextRange()
    /// Whether all of it can be read and says something that the plain form has no place for.
    private var isOther = false

    private init() {}

    /// - Parameter limit: the largest head that is taken, in bytes.
    package static func read(_ bytes: Span<UInt8>, limit: Int) -> Reading {
        let limit = min(limit, maxSize)
        let bytes = bytes.extracting(0..<min(bytes.count, limit))
        var head = PlainHead()
        var index = 0
        guard head.readRequestLine(bytes, &index), head.readFields(bytes, &index) else {
            let goesOn = index == bytes.count && index < limit && !head.isOther
            return goesOn ? .incomplete : .other
        }
        return .head(head)
    }

    func range(of field: CallFields.Field) -> TextRange { callFields[field.rawValue] }

    // Where a byte is missing, or another one than expected, the index stays there.

    private static func skip(
        _ expected: StaticString, _ bytes: Span<UInt8>, _ index: inout Int
    ) -> Bool {
        for place in 0..<expected.utf8CodeUnitCount {
            guard index < bytes.count, unsafe bytes[index] == expected.utf8Start[place] else {
                return false
            }
            index += 1
        }
        return true
    }

    // MARK: The request line

    private mutating func readRequestLine(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
        guard readMethod(bytes, &index) else { return false }
        let start = index
        guard start < bytes.count, bytes[start] == UInt8(ascii: "/") else { return false }
        var mark: Int?
        while index < bytes.count, bytes[index].isPlainTargetByte {
            if mark == nil, bytes[index] == UInt8(ascii: "?") { mark = index }
            index += 1
        }
        path = TextRange(start, mark ?? index)
        if let mark { query = TextRange(mark + 1, index) }
        return Self.skip(" HTTP/1.1\r\n", bytes, &index)
    }

    private mutating func readMethod(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
        while index < bytes.count, bytes[index].isUppercaseLetter, index < 8 { index += 1 }
        guard index < bytes.count, bytes[index] == .space,
            let method = HTTPMethods.common(bytes.extracting(0..<index))
        else { return false }
        httpMethod = method
        index += 1
        return true
    }

    // MARK: Fields

    private mutating func readFields(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
        let start = index
        var count = 0
        while index < bytes.count, bytes[index] != .carriageReturn {
            count += 1
            guard count <= IngressSettings.maxHeaderCount, readField(bytes, &index) else {
                return false
            }
        }
        fields = TextRange(start, index)
        guard Self.skip("\r\n", bytes, &index) else { return false }
        size = index
        isOther = !host.isThere || !HostSyntax.isHostAndPort(bytes.extracting(host.range))
        return !isOther
    }

    private mutating func readField(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
        let start = index
        while index < bytes.count, bytes[index].isTokenByte { index += 1 }
        let name = bytes.extracting(start..<index)
        guard index > start, Self.skip(":", bytes, &index) else { return false }
        while index < bytes.count, bytes[index] == .space || bytes[index] == .tab { index += 1 }
        let value = index
        // Without the white space behind it.
        var end = index
        while index < bytes.count {
            let byte = bytes[index]
            if byte.isVisible { end = index + 1 } else if byte != .space, byte != .tab { break }
            index += 1
        }
        guard Self.skip("\r\n", bytes, &index) else { return false }
        isOther = !note(name, TextRange(value, end), bytes)
        return !isOther
    }

    /// - Returns: whether a head in the plain form may have the field.
    private mutating func note(
        _ name: Span<UInt8>, _ value: TextRange, _ bytes: Span<UInt8>
    ) -> Bool {
        // The length tells most fields apart; only a likely one is compared.
        switch name.count {
        case 2 where name.equals(lowercased: "te"): return false
        case 4 where name.equals(lowercased: "host"):
            guard !host.isThere else { return false }
            host = value
        case 6 where name.equals(lowercased: "expect"): return false
        case 7 where name.equals(lowercased: "upgrade"): return false
        case 10 where name.equals(lowercased: "connection"):
            return noteConnection(bytes.extracting(value.range))
        case 14 where name.equals(lowercased: "content-length"):
            guard contentLength == nil else { return false }
            contentLength = Self.number(bytes.extracting(value.range))
            return contentLength != nil
        // NIO's decoder takes it for `Connection`.
        case 16 where name.equals(lowercased: "proxy-connection"): return false
        case 17 where name.equals(lowercased: "transfer-encoding"): return false
        case 12, 17, 19, 25:
            guard let field = CallFields.Field(name) else { return true }
            guard !callFields[field.rawValue].isThere else { return false }
            callFields[field.rawValue] = value
        default: break
        }
        return true
    }

    private mutating func noteConnection(_ option: Span<UInt8>) -> Bool {
        if option.equals(lowercased: "close") {
            asksForClose = true
            return true
        }
        return option.equals(lowercased: "keep-alive")
    }

    /// A number of at most 18 digits, so that it has room.
    private static func number(_ digits: Span<UInt8>) -> Int? {
        guard (1...18).contains(digits.count) else { return nil }
        var number = 0
        for index in digits.indices {
            guard digits[index].isDigit else { return nil }
            number = number * 10 + Int(digits[index] - UInt8(ascii: "0"))
        }
        return number
    }
}

/// The fields of a head in the plain form, made into texts for who asks for them.
package struct PlainFields: Sequence, IteratorProtocol {
    private let bytes: ByteBuffer
    /// What is left of the lines.
    private var range: Range<Int>

    package init(_ head: PlainHead, in bytes: ByteBuffer) {
        self.bytes = bytes
        range = head.fields.range
    }

    /// In the order sent, without the white space around the value.
    package mutating func next() -> HeaderFields.Field? {
        guard let (name, value) = nextRanges() else { return nil }
        return (text(name), text(value))
    }

    /// The next value of a field of that name, in whatever case. Of the others no texts are made.
    mutating func nextValue(of name: String) -> String? {
        while let (other, value) = nextRanges() {
            let isNamed = HeaderName.areEqual(
                bytes.readableBytesUInt8Span.extracting(other), name.utf8Span.span)
            if isNamed { return text(value) }
        }
        return nil
    }

    private func text(_ range: Range<Int>) -> String {
        String(copying: bytes.readableBytesUInt8Span.extracting(range))
    }

    private mutating func nextRanges() -> (name: Range<Int>, value: Range<Int>)? {
        guard !range.isEmpty else { return nil }
        let line = Self.line(of: bytes.readableBytesUInt8Span, from: range.lowerBound)
        range = line.end..<range.upperBound
        return (line.name, line.value)
    }

    private static func line(
        of bytes: Span<UInt8>, from name: Int
    ) -> (name: Range<Int>, value: Range<Int>, end: Int) {
        var colon = name
        while bytes[colon] != UInt8(ascii: ":") { colon += 1 }
        var start = colon + 1
        while bytes[start] == .space || bytes[start] == .tab { start += 1 }
        var lineEnd = start
        while bytes[lineEnd] != .carriageReturn { lineEnd += 1 }
        var end = lineEnd
        while end > start, bytes[end - 1] == .space || bytes[end - 1] == .tab { end -= 1 }
        return (name..<colon, start..<end, lineEnd + 2)
    }
}

extension UInt8 {
    fileprivate var isUppercaseLetter: Bool {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z")
    }

    fileprivate var isVisible: Bool { self > 0x20 && self < 0x7F }

    /// RFC 9110, section 7.1: a fragment stays with the client.
    fileprivate var isPlainTargetByte: Bool { isVisible && self != UInt8(ascii: "#") }
}

extension String {
    /// - Parameter ascii: bytes that are known to be ASCII.
    init(copying ascii: Span<UInt8>) {
        self = unsafe ascii.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
