internal import HostForms

/// The texts that HTTP's header fields are made of.
enum HTTPText {
    /// The name of a header field or of a method. Source: RFC 9110, section 5.6.2.
    static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isTokenByte)
    }

    /// What may stand behind a header field's name, without white space around it. Source: RFC 9110, section 5.5.
    static func isFieldValue(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return first > 0x20 && last > 0x20
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t") }
    }

    /// The elements of a list such as `a, b`; empty ones are left out. Source: RFC 9110, section 5.6.1.
    static func elements(of list: String) -> [Substring] {
        list.split(separator: ",").compactMap { element in
            var bytes = element.utf8[...]
            while isWhiteSpace(bytes.first) { bytes.removeFirst() }
            while isWhiteSpace(bytes.last) { bytes.removeLast() }
            return bytes.isEmpty ? nil : Substring(bytes)
        }
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

extension ConfigurationForm where Value == String {
    /// A token of HTTP.
    ///
    /// - Parameter what: how an error calls it, such as "the name of a header".
    static func token(_ what: String) -> ConfigurationForm {
        matching("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", what) { HTTPText.isToken($0) }
    }

    /// Text of which a regular expression holds.
    ///
    /// - Parameters:
    ///   - pattern: for the schema: what `check` takes, or as near to it as a regular expression comes.
    ///   - what: how an error calls it.
    static func matching(
        _ pattern: String, _ what: String, _ check: @escaping @Sendable (String) -> Bool
    ) -> ConfigurationForm {
        let text = text(what)
        return ConfigurationForm(
            schema: ["type": "string", "pattern": .string(pattern)],
            read: { (node, path) throws(ConfigurationError) in
                let value = try text.read(node, path)
                guard check(value) else { throw .wrongValue(node, path, what) }
                return value
            }, write: text.write)
    }
}
