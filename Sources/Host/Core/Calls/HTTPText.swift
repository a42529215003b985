/// The texts that HTTP's header fields are made of.
package enum HTTPText {
    /// The months in dates, of HTTP as of logs. Source: RFC 9110, section 5.6.7.
    package static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The name of a header field or of a method. Source: RFC 9110, section 5.6.2.
    package static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isTokenByte)
    }

    /// What may stand behind a header field's name, without white space around it. Source: RFC 9110, section 5.5.
    package static func isFieldValue(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return first > 0x20 && last > 0x20 && isFieldContent(text)
    }

    /// What can stand in a message as a field's value, whatever white space is around it: nothing that would split the
    /// message in two. Source: RFC 9110, section 5.5.
    package static func isFieldContent(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }
    }

    /// Whether both can stand in a message as a field.
    package static func isField(_ name: String, _ value: String) -> Bool {
        isToken(name) && isFieldContent(value)
    }

    /// The elements of a list such as `a, b`; empty ones are left out. Source: RFC 9110, section 5.6.1.
    package static func elements(of list: String) -> [Substring] {
        // By bytes: a comma that a combining mark follows is one.
        list.utf8.split(separator: UInt8(ascii: ",")).compactMap { element in
            let trimmed = trimmed(Substring(element))
            return trimmed.isEmpty ? nil : trimmed
        }
    }

    /// Without the white space around it. Source: RFC 9110, section 5.6.3.
    package static func trimmed(_ text: Substring) -> Substring {
        var bytes = text.utf8[...]
        while isWhiteSpace(bytes.first) { bytes.removeFirst() }
        while isWhiteSpace(bytes.last) { bytes.removeLast() }
        return Substring(bytes)
    }

    private static func isWhiteSpace(_ byte: UInt8?) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

extension Span<UInt8> {
    /// Whether these are the letters of a text in lower case, in whatever case.
    package func equals(lowercased text: String) -> Bool {
        let other = text.utf8Span.span
        guard count == other.count else { return false }
        for index in other.indices where self[index] != other[index] {
            guard self[index] | 0x20 == other[index], other[index] >= UInt8(ascii: "a"),
                other[index] <= UInt8(ascii: "z")
            else { return false }
        }
        return true
    }
}
