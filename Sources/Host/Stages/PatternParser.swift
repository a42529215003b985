/// Reads the text of a ``LinearPattern``.
struct PatternParser {
    indirect enum Pattern: Sendable {
        case take(ByteSet)
        case start
        case end
        case sequence([Pattern])
        case choice([Pattern])
        /// - Parameter most: nil: there is no limit.
        case repeated(Pattern, least: Int, most: Int?)
    }

    typealias Problem = LinearPattern.Problem

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func parse() throws(Problem) -> Pattern {
        let pattern = try readChoice()
        guard position == bytes.count else { throw Problem(reason: "has a ) without a (") }
        return pattern
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let next, next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    // MARK: Structure

    private mutating func readChoice() throws(Problem) -> Pattern {
        depth += 1
        defer { depth -= 1 }
        guard depth <= LinearPattern.deepest else {
            throw Problem(reason: "has more than \(LinearPattern.deepest) groups in each other")
        }
        var parts = [try readSequence()]
        while skip("|") { parts.append(try readSequence()) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func readSequence() throws(Problem) -> Pattern {
        var parts: [Pattern] = []
        while let next, next != UInt8(ascii: "|"), next != UInt8(ascii: ")") {
            parts.append(try readRepeated())
        }
        return .sequence(parts)
    }

    private mutating func readRepeated() throws(Problem) -> Pattern {
        let part = try readAtom()
        guard let (least, most) = try readQuantifier() else { return part }
        if case .start = part { throw nothingToRepeat }
        if case .end = part { throw nothingToRepeat }
        // It says which of several matches is preferred; here it only matters whether there is one.
        if !skip("?"), skip("+") {
            throw Problem(reason: "has a possessive repetition, such as *+, which is not supported")
        }
        if try readQuantifier() != nil { throw nothingToRepeat }
        return .repeated(part, least: least, most: most)
    }

    private var nothingToRepeat: Problem {
        Problem(reason: "has a *, +, ? or {} behind nothing that it could repeat")
    }

    private mutating func readQuantifier() throws(Problem) -> (least: Int, most: Int?)? {
        if skip("*") { return (0, nil) }
        if skip("+") { return (1, nil) }
        if skip("?") { return (0, 1) }
        guard skip("{") else { return nil }
        guard let least = readNumber() else { throw badCount }
        if skip("}") { return (least, least) }
        guard skip(",") else { throw badCount }
        if skip("}") { return (least, nil) }
        guard let most = readNumber(), skip("}"), most >= least else { throw badCount }
        return (least, most)
    }

    private var badCount: Problem {
        Problem(
            reason: "has a { that begins no repetition such as {2}, {2,} or {2,5}; the character "
                + "is \\{, and \(LinearPattern.largest) times are the most")
    }

    private mutating func readNumber() -> Int? {
        var number: Int?
        while let next, ByteSet.digits.contains(next) {
            number = (number ?? 0) * 10 + Int(next - UInt8(ascii: "0"))
            guard number! <= LinearPattern.largest else { return nil }
            position += 1
        }
        return number
    }

    // MARK: Characters

    private mutating func readAtom() throws(Problem) -> Pattern {
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "."): return .take(.any)
        case UInt8(ascii: "^"): return .start
        case UInt8(ascii: "$"): return .end
        case UInt8(ascii: "("): return try readGroup()
        case UInt8(ascii: "["): return .take(try readSet())
        case UInt8(ascii: "\\"): return .take(try readEscape())
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"):
            throw nothingToRepeat
        default: return .take(ByteSet(try ascii(byte)...byte))
        }
    }

    private mutating func readGroup() throws(Problem) -> Pattern {
        if skip("?"), !skip(":") {
            throw Problem(
                reason: "has a group that begins with (? and not with (?:; look-around, names and "
                    + "flags are not supported")
        }
        let pattern = try readChoice()
        guard skip(")") else { throw Problem(reason: "has a ( without a )") }
        return pattern
    }

    /// Behind a backslash.
    private mutating func readEscape() throws(Problem) -> ByteSet {
        guard let byte = next else { throw Problem(reason: "ends with a \\") }
        position += 1
        switch byte {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "w"): return .words
        case UInt8(ascii: "s"): return .space
        case UInt8(ascii: "D"), UInt8(ascii: "W"), UInt8(ascii: "S"):
            var set = byte | 0x20 == UInt8(ascii: "d") ? ByteSet.digits : .words
            if byte == UInt8(ascii: "S") { set = .space }
            set.invert()
            return set
        case _ where ByteSet.words.contains(byte):
            throw Problem(
                reason:
                    "has \\\(Character(Unicode.Scalar(byte))), which is not supported; of \\ and "
                    + "a letter there are \\d, \\w, \\s, \\D, \\W and \\S")
        default: return ByteSet(try ascii(byte)...byte)
        }
    }

    /// Behind the [ of a set.
    private mutating func readSet() throws(Problem) -> ByteSet {
        let isInverted = skip("^")
        var set = ByteSet()
        var isEmpty = true
        while true {
            guard let byte = next else { throw Problem(reason: "has a [ without a ]") }
            if byte == UInt8(ascii: "]"), !isEmpty { break }
            isEmpty = false
            let first = try readMember()
            guard let low = first.single, let dash = next, dash == UInt8(ascii: "-"),
                position + 1 < bytes.count, bytes[position + 1] != UInt8(ascii: "]")
            else {
                set.formUnion(first.set)
                continue
            }
            position += 1
            guard let high = try readMember().single, low <= high else {
                throw Problem(reason: "has a range in [] whose end comes before its beginning")
            }
            set.insert(low...high)
        }
        position += 1
        if isInverted { set.invert() }
        return set
    }

    /// A character of a set, or a class of them.
    private mutating func readMember() throws(Problem) -> (set: ByteSet, single: UInt8?) {
        let byte = bytes[position]
        position += 1
        if byte == UInt8(ascii: "["), let next,
            [UInt8(ascii: ":"), UInt8(ascii: "[")].contains(next)
        {
            throw Problem(reason: "has a [ in a set; the character is \\[")
        }
        guard byte == UInt8(ascii: "\\") else {
            return (ByteSet(try ascii(byte)...byte), byte)
        }
        let escaped = next
        let set = try readEscape()
        let isSingle = escaped.map { !ByteSet.words.contains($0) } ?? false
        return (set, isSingle ? escaped : nil)
    }

    private func ascii(_ byte: UInt8) throws(Problem) -> UInt8 {
        guard byte < 128 else {
            throw Problem(reason: "has a character that is not ASCII, which no origin has")
        }
        return byte
    }
}
