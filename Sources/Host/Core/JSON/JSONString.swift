package import NIOCore

/// A text as JSON has it: in quotation marks, with what can't stand there escaped. Source: RFC 8259, section 7.
package enum JSONString {
    /// Appends a text.
    package static func write(_ text: String, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("\"")
        guard !text.utf8.allSatisfy(isPlain) else {
            buffer.writeString(text)
            buffer.writeStaticString("\"")
            return
        }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                buffer.writeInteger(UInt8(ascii: "\\"))
                buffer.writeInteger(byte)
            case 0x08: buffer.writeStaticString("\\b")
            case 0x09: buffer.writeStaticString("\\t")
            case 0x0A: buffer.writeStaticString("\\n")
            case 0x0C: buffer.writeStaticString("\\f")
            case 0x0D: buffer.writeStaticString("\\r")
            // A terminal takes DEL for a command, too.
            case 0..<0x20, 0x7F:
                buffer.writeStaticString("\\u00")
                for digit in [byte >> 4, byte & 15] {
                    buffer.writeInteger(
                        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
                }
            default: buffer.writeInteger(byte)
            }
        }
        buffer.writeStaticString("\"")
    }

    /// A text by itself.
    package static func quoted(_ text: String) -> String {
        guard !text.utf8.allSatisfy(isPlain) else { return "\"\(text)\"" }
        var buffer = ByteBuffer()
        write(text, to: &buffer)
        return String(buffer: buffer)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
