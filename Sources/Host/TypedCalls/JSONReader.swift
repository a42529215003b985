/// Reads JSON in one pass, straight into the values that are wanted, without a tree in between.
///
/// RFC 8259, UTF-8 alone, nothing beyond it. How deep it goes is up to the types that are read, so no text can make it
/// go deeper.
struct JSONReader {
    let bytes: InputBytes
    var position = 0

    init(_ bytes: InputBytes) {
        self.bytes = bytes
    }

    /// The next byte; 0 at the end.
    var peek: UInt8 {
        @inline(__always) get { bytes[position] }
    }

    var isAtEnd: Bool { position >= bytes.count }

    @inline(__always)
    mutating func skipSpace() {
        while true {
            switch peek {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    /// Takes a sign if it comes next.
    @inline(__always)
    mutating func take(_ sign: UInt8) -> Bool {
        guard peek == sign, !isAtEnd else { return false }
        position += 1
        return true
    }

    /// Takes the sign between two elements or the one behind the last.
    ///
    /// - Returns: whether another element follows.
    @inline(__always)
    mutating func takeSeparator(closing: UInt8) throws(ArgumentError) -> Bool {
        skipSpace()
        if take(UInt8(ascii: ",")) {
            skipSpace()
            return true
        }
        if take(closing) { return false }
        throw syntax("',' or '\(Character(Unicode.Scalar(closing)))'")
    }

    mutating func takeColon() throws(ArgumentError) {
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw syntax("':'") }
        skipSpace()
    }

    /// Nothing but space may follow.
    mutating func end() throws(ArgumentError) {
        skipSpace()
        guard isAtEnd else { throw syntax("the end") }
    }

    mutating func takeNull() throws(ArgumentError) -> Bool {
        guard peek == UInt8(ascii: "n") else { return false }
        try word("null")
        return true
    }

    mutating func bool() throws(ArgumentError) -> Bool {
        switch peek {
        case UInt8(ascii: "t"):
            try word("true")
            return true
        case UInt8(ascii: "f"):
            try word("false")
            return false
        default: throw unexpected("true or false")
        }
    }

    private mutating func word(_ word: StaticString) throws(ArgumentError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard unsafe bytes[position + index] == word.utf8Start[index] else {
                throw syntax("\(word)")
            }
        }
        position += word.utf8CodeUnitCount
    }

    // MARK: Errors

    /// A value of another kind than was expected.
    func unexpected(_ expected: String) -> ArgumentError {
        guard let came = nextValue else { return syntax(expected) }
        return ArgumentError("expected \(expected), got \(came)")
    }

    /// A text that is no JSON.
    func syntax(_ expected: String) -> ArgumentError {
        guard !isAtEnd else {
            return ArgumentError("expected \(expected) at byte \(position + 1), got the end")
        }
        let byte = peek
        let came =
            byte > 0x20 && byte < 0x7F
            ? "'\(Character(Unicode.Scalar(byte)))'" : "the byte 0x\(String(byte, radix: 16))"
        return ArgumentError("expected \(expected) at byte \(position + 1), got \(came)")
    }

    /// What stands at the position, for an error; nil when no value begins there.
    private var nextValue: String? {
        switch peek {
        case UInt8(ascii: "["): return "an array"
        case UInt8(ascii: "{"): return "an object"
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            // Without the functions that take words: they come here when they fail.
            return ["true", "false", "null"].first { word in
                word.utf8.enumerated().allSatisfy { bytes[position + $0.offset] == $0.element }
            }
        case UInt8(ascii: "\""):
            return "the string " + excerpt { $0 != UInt8(ascii: "\"") } + "\""
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return excerpt { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                    UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        default: return nil
        }
    }

    private func excerpt(_ belongs: (UInt8) -> Bool) -> String {
        var stop = position + 1
        while stop < bytes.count, stop - position < 40, belongs(bytes[stop]) { stop += 1 }
        let text = bytes.slice(position..<stop).text
        return stop - position < 40 ? text : text + "…"
    }
}
