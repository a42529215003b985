/// JSON as the host takes it: exact, or refused.
///
/// Two keys of an object that are one to Swift's dictionaries, because they are the same or because Unicode calls them
/// equivalent, are refused; so are whole numbers beyond 64 bits, which would come out as others.
struct JSONParser {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
    }

    /// - Throws: ``ConfigurationError`` with the place at fault.
    mutating func document() throws(ConfigurationError) -> JSONValue {
        skipSpace()
        let value = try value(.root, depth: 0)
        skipSpace()
        guard index == bytes.count else { throw noJSON("more follows the value") }
        return value
    }

    // MARK: Values

    private mutating func value(
        _ path: ConfigurationPath, depth: Int
    ) throws(ConfigurationError) -> JSONValue {
        guard depth <= YAMLDocument.maxDepth else {
            throw noJSON("arrays and objects are nested too deep")
        }
        guard let byte = current else { throw noJSON("a value is missing") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(path, depth))
        case UInt8(ascii: "["): return .array(try array(path, depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(path)
        default: throw noJSON("no value begins here")
        }
    }

    private mutating func object(
        _ path: ConfigurationPath, _ depth: Int
    ) throws(ConfigurationError) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        index += 1
        skipSpace()
        if take("}") { return members }
        while true {
            let start = index
            guard current == UInt8(ascii: "\"") else { throw noJSON("a key in quotes is missing") }
            let key = try string()
            if let known = members.index(forKey: key) {
                let subject = path.isRoot ? "" : "\(path) has "
                let name = ConfigurationPath.quoted(key)
                let isSame = members[known].key.utf8.elementsEqual(key.utf8)
                throw ConfigurationError(
                    .duplicateKey, at: position(of: start), path.appending(key),
                    isSame
                        ? "\(subject)the key \(name) twice"
                        : "\(subject)two keys that Unicode calls the same: \(name)")
            }
            skipSpace()
            guard take(":") else { throw noJSON("a colon is missing behind a key") }
            skipSpace()
            members[key] = try value(path.appending(key), depth: depth + 1)
            skipSpace()
            if take("}") { return members }
            guard take(",") else { throw noJSON("a comma or a closing brace is missing") }
            skipSpace()
        }
    }

    private mutating func array(
        _ path: ConfigurationPath, _ depth: Int
    ) throws(ConfigurationError) -> [JSONValue] {
        var values: [JSONValue] = []
        index += 1
        skipSpace()
        if take("]") { return values }
        while true {
            values.append(try value(path.appending(index: values.count), depth: depth + 1))
            skipSpace()
            if take("]") { return values }
            guard take(",") else { throw noJSON("a comma or a closing bracket is missing") }
            skipSpace()
        }
    }

    private mutating func word(
        _ word: String, _ value: JSONValue
    ) throws(ConfigurationError) -> JSONValue {
        guard bytes[index...].starts(with: word.utf8) else { throw noJSON("no value begins here") }
        index += word.utf8.count
        return value
    }

    // MARK: Numbers

    /// Source: RFC 8259, section 6.
    private mutating func number(_ path: ConfigurationPath) throws(ConfigurationError) -> JSONValue
    {
        let start = index
        _ = take("-")
        let isZero = current == UInt8(ascii: "0")
        guard digits() > 0, !isZero || index - start <= (bytes[start] == UInt8(ascii: "-") ? 2 : 1)
        else { throw noJSON("no number") }
        var isWhole = true
        if take(".") {
            isWhole = false
            guard digits() > 0 else { throw noJSON("digits are missing behind the point") }
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("+") { _ = take("-") }
            guard digits() > 0 else { throw noJSON("digits are missing in the exponent") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isWhole, text != "-0" {
            if let integer = Int64(text) { return .integer(integer) }
        } else if let value = Double(text), value.isFinite, value != 0 || Self.isZero(text) {
            return .number(value)
        }
        throw .wrongValue(
            ConfigurationNode(.plain(text), at: position(of: start)), path,
            "a number of 64 bits, or in quotes")
    }

    private static func isZero(_ text: String) -> Bool {
        text.utf8.prefix { $0 | 0x20 != UInt8(ascii: "e") }
            .allSatisfy { !(UInt8(ascii: "1")...UInt8(ascii: "9")).contains($0) }
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            index += 1
        }
        return index - start
    }

    // MARK: Strings

    private mutating func string() throws(ConfigurationError) -> String {
        let start = index
        var content: [UInt8] = []
        index += 1
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    index = start
                    throw noJSON("a text that is no UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0..<0x20: throw noJSON("a control character that is not escaped")
            default: content.append(byte)
            }
        }
        index = start
        throw noJSON("a text without its end")
    }

    private mutating func escape(into content: inout [UInt8]) throws(ConfigurationError) {
        guard let byte = current else { throw noJSON("a text without its end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            content.append(contentsOf: String(Character(try escapedScalar())).utf8)
        default: throw noJSON("no escape")
        }
    }

    /// Of `\u` and, beyond the first plane, a second one.
    private mutating func escapedScalar() throws(ConfigurationError) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xD800..<0xDC00).contains(first), take("\\"), take("u") else {
            throw noJSON("half of a surrogate pair")
        }
        let second = try hexadecimal()
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + UInt32(second) &- 0xDC00
        guard (0xDC00..<0xE000).contains(second), let scalar = Unicode.Scalar(value) else {
            throw noJSON("half of a surrogate pair")
        }
        return scalar
    }

    private mutating func hexadecimal() throws(ConfigurationError) -> UInt16 {
        let digits = bytes[index...].prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw noJSON("four hexadecimal digits are missing") }
        index += 4
        return value
    }

    // MARK: Places

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            index += 1
        }
    }

    private func noJSON(_ problem: String) -> ConfigurationError {
        ConfigurationError(.noJSON, at: position(of: index), "no JSON: \(problem)")
    }

    private func position(of index: Int) -> ConfigurationError.Position {
        let before = bytes[..<index]
        let line = before.lastIndex(of: 0x0A).map { before[($0 + 1)...] } ?? before
        return .init(
            line: before.count { $0 == 0x0A } + 1,
            column: String(decoding: line, as: UTF8.self).unicodeScalars.count + 1)
    }
}
