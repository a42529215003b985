internal import NIOCore

/// What may stand in `Host`, and behind `http://` in a target. Source: RFC 3986, section 3.2, and RFC 9110, section
/// 4.2.
enum HostSyntax {
    /// Whether a text is a host, with a port if it likes: a name, an IPv4 address, or an IPv6 or later one in brackets.
    static func isHostAndPort(_ text: String) -> Bool { isHostAndPort(text.utf8Span.span) }

    static func isHostAndPort(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count > 0 else { return false }
        var end = 0
        if bytes[0] == UInt8(ascii: "[") {
            while end < bytes.count, bytes[end] != UInt8(ascii: "]") { end += 1 }
            guard end < bytes.count, isAddress(bytes.extracting(1..<end)) else { return false }
            end += 1
        } else {
            while end < bytes.count, bytes[end] != UInt8(ascii: ":") { end += 1 }
            guard isName(bytes.extracting(0..<end)) else { return false }
        }
        guard end < bytes.count else { return true }
        return bytes[end] == UInt8(ascii: ":")
            && isPort(bytes.extracting(end + 1..<bytes.count))
    }

    private static func isName(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count > 0 else { return false }
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < bytes.count, bytes[index + 1].hexadecimalDigit != nil,
                    bytes[index + 2].hexadecimalDigit != nil
                else { return false }
                index += 3
            } else {
                guard bytes[index].isNameByte else { return false }
                index += 1
            }
        }
        return true
    }

    /// What stands between brackets.
    private static func isAddress(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count > 0 else { return false }
        if bytes[0] | 0x20 == UInt8(ascii: "v") { return isFutureAddress(bytes) }
        var text = ""
        for index in bytes.indices {
            let byte = bytes[index]
            // No zone: that means something on the client's machine alone.
            guard
                byte.hexadecimalDigit != nil || byte == UInt8(ascii: ":")
                    || byte == UInt8(ascii: ".")
            else { return false }
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        if case .v6? = try? SocketAddress(ipAddress: text, port: 0) { return true }
        return false
    }

    private static func isFutureAddress(_ bytes: Span<UInt8>) -> Bool {
        var point = 1
        while point < bytes.count, bytes[point].hexadecimalDigit != nil { point += 1 }
        guard point > 1, point + 1 < bytes.count, bytes[point] == UInt8(ascii: ".") else {
            return false
        }
        for index in point + 1..<bytes.count
        where !bytes[index].isNameByte && bytes[index] != UInt8(ascii: ":") {
            return false
        }
        return true
    }

    private static func isPort(_ digits: Span<UInt8>) -> Bool {
        var port = 0
        for index in digits.indices {
            guard digits[index].isDigit else { return false }
            port = port * 10 + Int(digits[index] - UInt8(ascii: "0"))
            guard port <= 65_535 else { return false }
        }
        return true
    }
}

extension UInt8 {
    /// Whether it is one of those that RFC 3986 calls unreserved (section 2.3) and sub-delims (section 2.2).
    fileprivate var isNameByte: Bool {
        if isLetter || isDigit { return true }
        return switch self {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
            UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
