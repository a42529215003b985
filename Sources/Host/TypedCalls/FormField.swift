/// A name or a value of `application/x-www-form-urlencoded` (WHATWG URL, section 5.1).
enum FormField {
    /// With '+' and percent escapes replaced: where it is if it has none, otherwise in scratch memory.
    static func decode(
        _ text: InputBytes, _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> InputBytes {
        guard
            unsafe text.buffer.contains(where: {
                $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+")
            })
        else { return text }
        let output = try unsafe memory.take(text.count).assumingMemoryBound(to: UInt8.self)
        var count = 0
        var position = 0
        while position < text.count {
            var byte = text[position]
            position += 1
            if byte == UInt8(ascii: "+") {
                byte = UInt8(ascii: " ")
            } else if byte == UInt8(ascii: "%"), let high = digit(text[position]),
                let low = digit(text[position + 1])
            {
                byte = high << 4 | low
                position += 2
            }
            unsafe output[count] = byte
            count += 1
        }
        return unsafe InputBytes(output, count: count)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
