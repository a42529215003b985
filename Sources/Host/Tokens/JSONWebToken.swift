/// A signed token in its compact form, taken apart; nothing of it has been verified.
///
/// Source: RFC 7515, sections 3.1 and 7.1. Stricter than jwt-kit, whose parser takes padding, and anything that isn't
/// base64url for no bytes, and the first of two members of one name.
package struct JSONWebToken {
    /// As the header says; who believes it must know that key and algorithm go together.
    package let algorithm: String
    package let keyID: String?
    /// What is signed.
    package let signed: [UInt8]
    package let payload: [UInt8]
    package let signature: [UInt8]

    private static let largest = 16 << 10

    /// What a token may be that says who sends a request (RFC 8725, section 3.11): others, such as a `logout+jwt`, are
    /// signed with the same keys, and mean something else.
    private static let types = ["jwt", "at+jwt", "jose"]

    /// - Returns: nil when it is none, is of another type, or has extensions that must be understood, of which there
    ///   are none here.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.largest else { return nil }
        let parts = Array(text.utf8).split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Self.decode(parts[0]),
            let payload = Self.decode(parts[1]),
            let signature = Self.decode(parts[2]), !signature.isEmpty,
            let header = TokenJSON(head)?.members,
            let algorithm = header["alg"]?.text,
            // RFC 7515, section 4.1.11: also an empty list, or null, is not what may stand there. RFC 7797: with `b64`
            // the payload may be another one.
            header["crit"] == nil, header["b64"] == nil,
            Self.isOurs(type: header["typ"])
        else { return nil }
        switch header["kid"] {
        case nil: keyID = nil
        case .string(let id)?: keyID = id
        default: return nil
        }
        self.algorithm = algorithm
        signed = Array(parts[0] + [UInt8(ascii: ".")] + parts[1])
        self.payload = payload
        self.signature = signature
    }

    private static func isOurs(type: TokenJSON?) -> Bool {
        guard let type else { return true }
        guard var name = type.text?.lowercased() else { return false }
        if name.hasPrefix("application/") { name.removeFirst("application/".count) }
        return types.contains { $0.isSame(as: name) }
    }

    /// base64url without padding (RFC 7515, section 2). Bits that no byte has are zero (RFC 4648, section 3.5):
    /// otherwise one token has several texts.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var (bits, count): (UInt32, UInt32) = (0, 0)
        for character in text {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= 1 << count - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
