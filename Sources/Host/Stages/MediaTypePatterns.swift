/// Media types, such as `application/json`, `text/*` and `application/*+json`.
struct MediaTypePatterns: Sendable {
    private enum Pattern {
        case exact(String)
        /// What comes before and after the asterisk.
        case wildcard(String, String)
    }

    private let patterns: [Pattern]

    init(_ texts: [String]) {
        patterns = texts.map { text in
            let text = text.lowercased()
            guard let star = text.firstIndex(of: "*"), text != "*/*" else {
                return text == "*/*" ? .wildcard("", "") : .exact(text)
            }
            return .wildcard(String(text[..<star]), String(text[text.index(after: star)...]))
        }
    }

    /// Whether a text is one: a type and a subtype, the subtype with one asterisk at most.
    static func isPattern(_ text: String) -> Bool {
        if text == "*/*" { return true }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].contains("*"),
            parts[1].count(where: { $0 == "*" }) <= 1
        else { return false }
        return parts.allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "!#$&-^_.+*".utf8.contains(byte)
                    }
                }
        }
    }

    /// - Parameter contentType: with its parameters, if it has some; empty: what a response without one is sent as.
    func contains(_ contentType: String) -> Bool {
        let contentType = contentType.isEmpty ? "application/octet-stream" : contentType
        guard let type = contentType.split(separator: ";").first else { return false }
        let name = type.lowercased()
        let end = name.lastIndex { $0 != " " && $0 != "\t" }.map { name.index(after: $0) }
        let bare = name[..<(end ?? name.startIndex)]
        return patterns.contains { pattern in
            switch pattern {
            case .exact(let text): bare == text
            case .wildcard(let prefix, let suffix):
                bare.utf8.count >= prefix.utf8.count + suffix.utf8.count
                    && bare.hasPrefix(prefix) && bare.hasSuffix(suffix)
            }
        }
    }
}
