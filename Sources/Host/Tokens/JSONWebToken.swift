internal import FoundationEssentials

/// A signed token in its compact form, taken apart; nothing of it has been verified.
///
/// Source: RFC 7515, sections 3.1 and 7.1. Stricter than jwt-kit, whose parser takes padding, and anything that isn't
/// base64url for no bytes.
package struct JSONWebToken {
    /// As the header says; who believes it must know that key and algorithm go together.
    package let algorithm: String
    package let keyID: String?
    /// What is signed.
    package let signed: [UInt8]
    package let payload: [UInt8]
    package let signature: [UInt8]

    private static let largest = 16 << 10

    private struct Header: Decodable {
        let alg: String
        let kid: String?
        let crit: [String]?
    }

    /// - Returns: nil when it is none, or has extensions that must be understood, of which there are none here.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.largest else { return nil }
        let parts = Array(text.utf8).split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Self.decode(parts[0]),
            let payload = Self.decode(parts[1]),
            let signature = Self.decode(parts[2]), !signature.isEmpty,
            let header = try? JSONDecoder().decode(Header.self, from: Data(head)),
            header.crit == nil
        else { return nil }
        algorithm = header.alg
        keyID = header.kid
        signed = Array(parts[0] + [UInt8(ascii: ".")] + parts[1])
        self.payload = payload
        self.signature = signature
    }

    /// base64url without padding (RFC 7515, section 2).
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var standard: [UInt8] = []
        standard.reserveCapacity(text.count + 3)
        for byte in text {
            switch byte {
            case UInt8(ascii: "-"): standard.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): standard.append(UInt8(ascii: "/"))
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                standard.append(byte)
            default: return nil
            }
        }
        guard standard.count % 4 != 1 else { return nil }
        while standard.count % 4 != 0 { standard.append(UInt8(ascii: "=")) }
        return Data(base64Encoded: Data(standard)).map { Array($0) }
    }
}
