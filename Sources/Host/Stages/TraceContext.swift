internal import HostCore

/// A request's place in a trace: what its headers `traceparent` and `tracestate` say.
///
/// Source: W3C Trace Context, level 1, sections 3.2 and 3.3.
struct TraceContext: Equatable {
    /// Not all zero.
    var traceID: [UInt8]
    /// Of the span that made the request; not all zero.
    var parentID: [UInt8]
    /// Whether the caller may have recorded its span.
    var isSampled: Bool
    /// What other tracing systems have to say; nil: nothing.
    var state: String?

    /// A new trace, of which nothing has been recorded.
    init() {
        traceID = Self.random(16)
        parentID = Self.random(8)
        isSampled = false
    }

    /// - Returns: nil when there is none, or not one valid one. What follows from a `tracestate` that is not valid is
    ///   that there is none.
    init?(_ headers: HeaderFields) {
        let parents = headers["traceparent"]
        guard parents.count == 1 else { return nil }
        self.init(traceparent: parents[0])
        let state = headers["tracestate"].joined(separator: ",")
        self.state = Self.isState(state) ? state : nil
    }

    init?(traceparent text: String) {
        let bytes = Array(text.utf8.prefix(56))
        guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
            let version = Self.bytes(bytes[..<2]), let traceID = Self.bytes(bytes[3..<35]),
            let parentID = Self.bytes(bytes[36..<52]), let flags = Self.bytes(bytes[53..<55]),
            traceID.contains(where: { $0 != 0 }), parentID.contains(where: { $0 != 0 })
        else { return nil }
        // Later versions may have more behind a dash; 255 is none.
        switch version[0] {
        case 0: guard bytes.count == 55 else { return nil }
        case 1..<255: guard bytes.count == 55 || bytes[55] == UInt8(ascii: "-") else { return nil }
        default: return nil
        }
        self.traceID = traceID
        self.parentID = parentID
        isSampled = flags[0] & 1 == 1
    }

    /// The same place, one span further.
    func child() -> TraceContext {
        var child = self
        child.parentID = Self.random(8)
        return child
    }

    var traceparent: String {
        "00-\(Self.hex(traceID))-\(Self.hex(parentID))-\(isSampled ? "01" : "00")"
    }

    func write(to headers: inout HeaderFields) {
        headers.replaceOrAdd(name: "traceparent", value: traceparent)
        headers.remove(name: "tracestate")
        if let state { headers.add(name: "tracestate", value: state) }
    }

    // MARK: Numbers

    private static func random(_ count: Int) -> [UInt8] {
        while true {
            var bytes: [UInt8] = []
            while bytes.count < count {
                let number = UInt64.random(in: .min ... .max)
                for shift in stride(from: 0, to: 64, by: 8) {
                    bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
                }
            }
            if bytes.contains(where: { $0 != 0 }) { return bytes }
        }
    }

    /// Of digits in lower case; nil: there is another one.
    private static func bytes(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

// MARK: Tracestate

extension TraceContext {
    /// Whether a list has one member at least, 32 at most, each of them valid and none twice.
    private static func isState(_ list: String) -> Bool {
        let members = HTTPText.elements(of: list)
        guard 1...32 ~= members.count else { return false }
        var keys: Set<Substring> = []
        return members.allSatisfy { member in
            guard let sign = member.utf8.firstIndex(of: UInt8(ascii: "=")) else { return false }
            let key = member[..<sign]
            return isKey(key) && isValue(member[sign...].dropFirst()) && keys.insert(key).inserted
        }
    }

    /// `vendor`, or `tenant@vendor`.
    private static func isKey(_ key: Substring) -> Bool {
        let parts = key.split(separator: "@", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return isName(parts[0], 256)
        case 2: return isName(parts[0], 241, mayBeginWithDigit: true) && isName(parts[1], 14)
        default: return false
        }
    }

    private static func isName(
        _ name: Substring, _ longest: Int, mayBeginWithDigit: Bool = false
    ) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool {
            byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
        }
        func isDigit(_ byte: UInt8) -> Bool {
            byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
        }
        guard let first = name.utf8.first, name.utf8.count <= longest,
            isLetter(first) || mayBeginWithDigit && isDigit(first)
        else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) || "_-*/".utf8.contains($0) }
    }

    /// Visible ASCII and spaces in between; the white space at its end is the list's.
    private static func isValue(_ value: Substring) -> Bool {
        1...256 ~= value.utf8.count
            && value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "=") }
    }
}
