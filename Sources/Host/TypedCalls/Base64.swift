/// Base64 with padding (RFC 4648, section 4).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// The bytes that a text stands for, in scratch memory; nil when it is no base64.
    static func decode(
        _ text: InputBytes, _ memory: inout ScratchMemory
    ) throws(ArgumentError) -> (UnsafeMutableRawPointer, count: Int)? {
        guard text.count % 4 == 0 else { return nil }
        let padding =
            text.count == 0 || text[text.count - 1] != UInt8(ascii: "=")
            ? 0 : text[text.count - 2] == UInt8(ascii: "=") ? 2 : 1
        let count = text.count / 4 * 3 - padding
        let output = try unsafe memory.take(count + padding)
        let bytes = unsafe output.assumingMemoryBound(to: UInt8.self)
        var written = 0
        for group in stride(from: 0, to: text.count, by: 4) {
            let present = group + 4 == text.count ? 4 - padding : 4
            var bits: UInt32 = 0
            for index in 0..<4 {
                let value = index < present ? values[Int(text[group + index])] : 0
                guard value != 0xFF else { return nil }
                bits = bits << 6 | UInt32(value)
            }
            // What the padding leaves out must be zero: one text for the same bytes.
            guard bits & (padding == 0 || present == 4 ? 0 : (1 << (8 * padding)) - 1) == 0 else {
                return nil
            }
            unsafe bytes[written] = UInt8(truncatingIfNeeded: bits >> 16)
            unsafe bytes[written + 1] = UInt8(truncatingIfNeeded: bits >> 8)
            unsafe bytes[written + 2] = UInt8(truncatingIfNeeded: bits)
            written += 3
        }
        return unsafe (output, count)
    }

    static func encode(_ bytes: InputBytes, _ emit: (UInt8) -> Void) {
        var index = 0
        while index < bytes.count {
            // 0 beyond the end.
            let bits =
                UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8
                | UInt32(bytes[index + 2])
            emit(alphabet[Int(bits >> 18)])
            emit(alphabet[Int(bits >> 12 & 63)])
            emit(index + 1 < bytes.count ? alphabet[Int(bits >> 6 & 63)] : UInt8(ascii: "="))
            emit(index + 2 < bytes.count ? alphabet[Int(bits & 63)] : UInt8(ascii: "="))
            index += 3
        }
    }
}
