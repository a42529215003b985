/// Names of header fields: the same name in whatever case. Source: RFC 9110, section 5.1.
package enum HeaderName {
    /// Whether two texts differ in the case of ASCII letters at most.
    package static func areEqual(_ first: String, _ second: String) -> Bool {
        guard first.utf8.count == second.utf8.count else { return false }
        let first = first.utf8Span.span
        let second = second.utf8Span.span
        for index in first.indices where first[index] != second[index] {
            guard lowercased(first[index]) == lowercased(second[index]) else { return false }
        }
        return true
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
