extension JSONReader {
    /// Takes a string's text, where it is if it has no escapes, otherwise in scratch memory.
    mutating func string(
        _ memory: inout ScratchMemory, _ expected: StaticString = "a string"
    ) throws(ArgumentError) -> InputBytes {
        guard peek == UInt8(ascii: "\""), !isAtEnd else { throw unexpected("\(expected)") }
        var reader = self
        reader.position += 1
        let start = reader.position
        var escapes = 0
        var isASCII = true
        scan: while true {
            let byte = reader.peek
            switch byte {
            case UInt8(ascii: "\""): break scan
            case UInt8(ascii: "\\"):
                escapes += 1
                reader.position += 2
            case 0..<0x20:
                throw reader.syntax(reader.isAtEnd ? "'\"'" : "a control character as \\u escape")
            default:
                isASCII = isASCII && byte < 0x80
                reader.position += 1
            }
        }
        let raw = bytes.slice(start..<reader.position)
        if !isASCII, unsafe String(validating: raw.buffer, as: UTF8.self) == nil {
            throw ArgumentError("a string that is not UTF-8")
        }
        defer { position = reader.position + 1 }
        guard escapes > 0 else { return raw }
        position = start
        return try unescaped(raw.count, &memory)
    }

    /// The text up to the closing quote, which is there, with its escapes replaced.
    private mutating func unescaped(
        _ size: Int, _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> InputBytes {
        // No escape is shorter than what it stands for.
        let output = try unsafe memory.take(size).assumingMemoryBound(to: UInt8.self)
        var count = 0
        while peek != UInt8(ascii: "\"") {
            guard take(UInt8(ascii: "\\")) else {
                unsafe output[count] = peek
                count += 1
                position += 1
                continue
            }
            let escape = peek
            position += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
                unsafe output[count] = escape
            case UInt8(ascii: "b"): unsafe output[count] = 0x08
            case UInt8(ascii: "f"): unsafe output[count] = 0x0C
            case UInt8(ascii: "n"): unsafe output[count] = 0x0A
            case UInt8(ascii: "r"): unsafe output[count] = 0x0D
            case UInt8(ascii: "t"): unsafe output[count] = 0x09
            case UInt8(ascii: "u"):
                for unit in UTF8.encode(try unicodeScalar())! {
                    unsafe output[count] = unit
                    count += 1
                }
                continue
            default:
                position -= 1
                throw syntax("one of \"\\/bfnrtu")
            }
            count += 1
        }
        return unsafe InputBytes(output, count: count)
    }

    /// What stands behind `\u`: one unit, or two that make a character together.
    private mutating func unicodeScalar() throws(ArgumentError) -> Unicode.Scalar {
        let start = position
        let first = try hexUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let second = try hexUnit()
            if (0xDC00..<0xE000).contains(second) {
                return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))!
            }
        }
        throw ArgumentError("half a surrogate pair at byte \(start + 1)")
    }

    private mutating func hexUnit() throws(ArgumentError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(peek)).hexDigitValue else {
                throw syntax("a hexadecimal digit")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
