/// JSON as a token has it, read more strictly than others do: two readers of one token must not see two.
///
/// A member that is there twice, at whatever depth and however it is escaped, makes it none (RFC 7515, section 4, and
/// RFC 7519, section 4: refuse it, or take the last; libraries differ). So does anything but UTF-8, a byte order mark,
/// a number that no `Double` comes near to, and half of a surrogate pair. Source: RFC 8259.
enum TokenJSON: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([TokenJSON])
    case object([String: TokenJSON])

    fileprivate static let deepest = 32

    /// - Returns: nil when it is no JSON of that kind.
    init?(_ bytes: some Collection<UInt8>) {
        var reader = Reader(bytes: Array(bytes))
        guard let value = reader.readDocument() else { return nil }
        self = value
    }

    /// The members of an object; nil: it is none.
    var members: [String: TokenJSON]? {
        if case .object(let members) = self { members } else { nil }
    }

    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

extension String {
    /// Whether two texts have the same bytes. `==` takes some for equal that nobody else does.
    func isSame(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

private struct Reader {
    let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func readDocument() -> TokenJSON? {
        guard let value = readValue() else { return nil }
        skipSpace()
        return position == bytes.count ? value : nil
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let next, [0x20, 0x09, 0x0A, 0x0D].contains(next) { position += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skip(word: StaticString) -> Bool {
        let word = Array("\(word)".utf8)
        guard bytes[position...].starts(with: word) else { return false }
        position += word.count
        return true
    }

    private mutating func readValue() -> TokenJSON? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TokenJSON.deepest else { return nil }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return readObject()
        case UInt8(ascii: "["): return readArray()
        case UInt8(ascii: "\""): return readString().map { .string($0) }
        case UInt8(ascii: "t"): return skip(word: "true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return skip(word: "false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return skip(word: "null") ? .null : nil
        default: return readNumber().map { .number($0) }
        }
    }

    private mutating func readObject() -> TokenJSON? {
        position += 1
        var members: [String: TokenJSON] = [:]
        skipSpace()
        if skip("}") { return .object(members) }
        while true {
            skipSpace()
            guard let name = readString() else { return nil }
            skipSpace()
            guard skip(":"), let value = readValue(), members[name] == nil else { return nil }
            members[name] = value
            skipSpace()
            if skip("}") { return .object(members) }
            guard skip(",") else { return nil }
        }
    }

    private mutating func readArray() -> TokenJSON? {
        position += 1
        var values: [TokenJSON] = []
        skipSpace()
        if skip("]") { return .array(values) }
        while true {
            guard let value = readValue() else { return nil }
            values.append(value)
            skipSpace()
            if skip("]") { return .array(values) }
            guard skip(",") else { return nil }
        }
    }

    /// nil: it is none, or one beyond all `Double`s.
    private mutating func readNumber() -> Double? {
        let start = position
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
        func skipDigits() -> Bool {
            let first = position
            while isDigit(next) { position += 1 }
            return position > first
        }
        _ = skip("-")
        if !skip("0"), !skipDigits() { return nil }
        if skip("."), !skipDigits() { return nil }
        if skip("e") || skip("E") {
            _ = skip("+") || skip("-")
            guard skipDigits() else { return nil }
        }
        let number = Double(String(decoding: bytes[start..<position], as: UTF8.self))
        return number.flatMap { $0.isFinite ? $0 : nil }
    }

    private mutating func readString() -> String? {
        guard skip("\"") else { return nil }
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = readEscape() else { return nil }
                text += Array(String(Character(scalar)).utf8)
            case ..<0x20: return nil
            default: text.append(byte)
            }
        }
        return nil
    }

    /// Behind a backslash.
    private mutating func readEscape() -> Unicode.Scalar? {
        guard let byte = next else { return nil }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let first = readHex() else { return nil }
            guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
            guard skip("\\"), skip("u"), let second = readHex(),
                (0xDC00...0xDFFF).contains(second)
            else { return nil }
            return Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
        default: return nil
        }
    }

    private mutating func readHex() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        position += 4
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
