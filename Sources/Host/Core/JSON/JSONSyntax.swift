package import NIOCore

/// Tells whether bytes are one JSON text, so that it can be put into another one as it is.
///
/// Source: RFC 8259, in UTF-8, without a byte order mark; nested at most 128 deep.
package struct JSONSyntax {
    private static let deepest = 128

    private let bytes: ByteBufferView
    private var position: Int

    private init(_ bytes: ByteBufferView) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    package static func isText(_ buffer: ByteBuffer) -> Bool {
        guard String(validating: buffer.readableBytesView, as: UTF8.self) != nil else {
            return false
        }
        var syntax = JSONSyntax(buffer.readableBytesView)
        guard syntax.takeValue(depth: 0) else { return false }
        syntax.skipSpace()
        return syntax.peek == nil
    }

    private var peek: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, [0x20, 0x0A, 0x0D, 0x09].contains(byte) { position += 1 }
    }

    private mutating func take(_ character: Character) -> Bool {
        guard peek == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func takeValue(depth: Int) -> Bool {
        guard depth < Self.deepest else { return false }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"):
            return takeElements("{", "}") { syntax in
                syntax.skipSpace()
                guard syntax.takeString() else { return false }
                syntax.skipSpace()
                return syntax.take(":") && syntax.takeValue(depth: depth + 1)
            }
        case UInt8(ascii: "["): return takeElements("[", "]") { $0.takeValue(depth: depth + 1) }
        case UInt8(ascii: "\""): return takeString()
        case UInt8(ascii: "t"): return takeWord("true")
        case UInt8(ascii: "f"): return takeWord("false")
        case UInt8(ascii: "n"): return takeWord("null")
        default: return takeNumber()
        }
    }

    private mutating func takeElements(
        _ opening: Character, _ closing: Character, _ takeElement: (inout JSONSyntax) -> Bool
    ) -> Bool {
        guard take(opening) else { return false }
        skipSpace()
        if take(closing) { return true }
        repeat {
            guard takeElement(&self) else { return false }
            skipSpace()
        } while take(",")
        return take(closing)
    }

    private mutating func takeString() -> Bool {
        guard take("\"") else { return false }
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"):
                guard takeEscape() else { return false }
            case 0..<0x20: return false
            default: break
            }
        }
        return false
    }

    private mutating func takeEscape() -> Bool {
        guard let byte = peek else { return false }
        position += 1
        guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
        for _ in 0..<4 {
            guard let digit = peek, Character(Unicode.Scalar(digit)).isHexDigit else {
                return false
            }
            position += 1
        }
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        word.allSatisfy { take($0) }
    }

    private mutating func takeNumber() -> Bool {
        _ = take("-")
        guard take("0") || takeDigits() else { return false }
        if take("."), !takeDigits() { return false }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            return takeDigits()
        }
        return true
    }

    private mutating func takeDigits() -> Bool {
        let first = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            position += 1
        }
        return position > first
    }
}
