/// Bytes of requests, and what they can be part of.
extension UInt8 {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    var isLetter: Bool {
        let lowercased = self | 0x20
        return lowercased >= UInt8(ascii: "a") && lowercased <= UInt8(ascii: "z")
    }

    var hexadecimalDigit: UInt8? {
        if isDigit { return self - UInt8(ascii: "0") }
        let lowercased = self | 0x20
        guard lowercased >= UInt8(ascii: "a"), lowercased <= UInt8(ascii: "f") else { return nil }
        return lowercased - UInt8(ascii: "a") + 10
    }

    /// Source: RFC 9110, section 5.6.2.
    var isTokenByte: Bool {
        if isLetter || isDigit { return true }
        return switch self {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
            UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

extension Span<UInt8> {
    func starts(with text: String) -> Bool {
        let other = text.utf8Span.span
        guard count >= other.count else { return false }
        for index in other.indices where self[index] != other[index] { return false }
        return true
    }
}

/// The methods that NIO's decoder knows in HTTP. It refuses all others as if the request were malformed.
enum HTTPMethods {
    private static let common = [
        "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH",
    ]
    private static let others: Set<String> = [
        "ACL", "BIND", "CHECKOUT", "CONNECT", "COPY", "LINK", "LOCK", "M-SEARCH", "MERGE",
        "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE",
        "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK",
        "UNLOCK", "UNSUBSCRIBE",
    ]

    static func contains(_ method: Span<UInt8>) -> Bool {
        common(method) != nil || others.contains(text(method))
    }

    /// The method of that name, if it is one that nearly all requests have.
    static func common(_ method: Span<UInt8>) -> String? {
        for name in common where name.utf8.count == method.count && method.starts(with: name) {
            return name
        }
        return nil
    }

    /// Source: RFC 9113, section 3.4.
    static func isHTTP2Preface(_ method: Span<UInt8>) -> Bool {
        method.count == 3 && method.starts(with: "PRI")
    }

    static func isConnect(_ method: Span<UInt8>) -> Bool {
        method.count == 7 && method.starts(with: "CONNECT")
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var text = ""
        for index in bytes.indices {
            text.unicodeScalars.append(Unicode.Scalar(bytes[index]))
        }
        return text
    }
}

/// Whether bytes are UTF-8, as far as they have come. Source: RFC 3629, section 4.
struct UTF8Progress {
    /// Bytes that the character still needs.
    private var needed = 0
    /// Between which the next one must be.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Whether the last character is complete.
    var isWhole: Bool { needed == 0 }

    /// - Returns: false when no UTF-8 goes on so.
    mutating func take(_ byte: UInt8) -> Bool {
        if needed == 0 { return byte < 0x80 || begin(byte) }
        guard byte >= lowest, byte <= highest else { return false }
        needed -= 1
        (lowest, highest) = (0x80, 0xBF)
        return true
    }

    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: needed = 1
        case 0xE0...0xEF: needed = 2
        case 0xF0...0xF4: needed = 3
        default: return false
        }
        switch byte {
        case 0xE0: lowest = 0xA0
        case 0xED: highest = 0x9F
        case 0xF0: lowest = 0x90
        case 0xF4: highest = 0x8F
        default: break
        }
        return true
    }
}
