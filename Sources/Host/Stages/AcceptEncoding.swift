internal import HostCore

/// The codings that a client accepts.
///
/// Source: RFC 9110, section 12.5.3. An element that isn't well-formed is passed over.
struct AcceptEncoding {
    enum Choice: Equatable {
        case identity
        case coding(ContentCoding)
        /// The client takes nothing that could be sent.
        case nothing
    }

    // Weights in thousandths; nil: not listed.
    private var gzip: Int?
    private var deflate: Int?
    private var identity: Int?
    private var rest: Int?
    /// Whether it takes a coding that is unknown here: the plugin may have it.
    private var takesOthers = false

    init(_ headers: HeaderFields) {
        for (name, value) in headers.all
        where name.utf8.count == 15 && name.lowercased() == "accept-encoding" {
            for element in HTTPText.elements(of: value) { add(element) }
        }
    }

    private mutating func add(_ element: Substring) {
        let parts = element.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        guard let weight = parts.count == 1 ? 1000 : Self.weight(Self.trimmed(parts[1])) else {
            return
        }
        let token = Self.trimmed(parts[0])
        switch ContentCoding(token) {
        case .gzip: gzip = weight
        case .deflate: deflate = weight
        case nil where token == "*": rest = weight
        case nil where token.lowercased() == "identity": identity = weight
        case nil: takesOthers = takesOthers || weight > 0 && !token.isEmpty
        }
    }

    /// `q=0.25` as 250; nil: it is no weight.
    private static func weight(_ text: Substring) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 3, bytes.count <= 7, bytes[0] | 0x20 == UInt8(ascii: "q"),
            bytes[1] == UInt8(ascii: "="), bytes.count == 3 || bytes[3] == UInt8(ascii: ".")
        else { return nil }
        var (weight, scale) = (0, 1000)
        for byte in [bytes[2]] + bytes.dropFirst(4) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            weight += Int(byte - UInt8(ascii: "0")) * scale
            scale /= 10
        }
        return weight <= 1000 ? weight : nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return text.drop(while: isSpace).trimmingSuffix(while: isSpace)
    }

    /// Of two that are welcome alike, gzip; a coding rather than none.
    var choice: Choice {
        let (gzip, deflate) = (gzip ?? rest ?? 0, deflate ?? rest ?? 0)
        let best = max(gzip, deflate)
        guard best > 0 else { return takesIdentity || takesOthers ? .identity : .nothing }
        if let identity, identity > best { return .identity }
        return .coding(gzip >= deflate ? .gzip : .deflate)
    }

    /// Whether a body without a coding is acceptable.
    var takesIdentity: Bool { (identity ?? rest ?? 1000) > 0 }
}

extension Substring {
    fileprivate func trimmingSuffix(while isSpare: (Character) -> Bool) -> Substring {
        guard let last = lastIndex(where: { !isSpare($0) }) else { return "" }
        return self[...last]
    }
}
