/// Takes a signature apart into names, numbers and signs.
struct SignatureLexer {
    struct Token: Equatable {
        var kind: Kind
        /// From 1, in characters.
        var column: Int
    }

    enum Kind: Equatable {
        case name(String)
        case integer(UInt64)
        case decimal(Double)
        case text(String)
        case sign(String)
        case end
    }

    private let scalars: [Unicode.Scalar]
    private var position = 0

    /// The longest text that is read: no signature comes near it.
    static let longestText = 16_384

    /// All tokens of a text, `end` last.
    static func tokens(of text: String) throws(SignatureError) -> [Token] {
        var lexer = SignatureLexer(scalars: Array(text.unicodeScalars.prefix(longestText + 1)))
        guard lexer.scalars.count <= longestText else {
            throw SignatureError(
                column: longestText + 1,
                "the text is longer than \(longestText) characters: shorten it")
        }
        var tokens: [Token] = []
        repeat { tokens.append(try lexer.next()) } while tokens.last?.kind != .end
        return tokens
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, isLetter(first) else { return false }
        return text.unicodeScalars.allSatisfy { isLetter($0) || isDigit($0) }
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    private mutating func next() throws(SignatureError) -> Token {
        while let space = peek, space == " " || space == "\t" || space == "\n" || space == "\r" {
            position += 1
        }
        let column = position + 1
        guard let first = peek else { return Token(kind: .end, column: column) }
        if Self.isLetter(first) {
            let name = take { Self.isLetter($0) || Self.isDigit($0) }
            return Token(kind: .name(name), column: column)
        }
        if Self.isDigit(first) { return Token(kind: try number(column), column: column) }
        if first == "\"" { return Token(kind: .text(try text(column)), column: column) }
        for sign in ["->", "==", "!=", "<=", ">="] where matches(sign) {
            position += 2
            return Token(kind: .sign(sign), column: column)
        }
        guard "()[]{},:?*=+-<>".unicodeScalars.contains(first) else {
            throw SignatureError(
                column: column, "the character \(Self.quoted(first)) has no meaning in a signature")
        }
        position += 1
        return Token(kind: .sign(String(first)), column: column)
    }

    private mutating func number(_ column: Int) throws(SignatureError) -> Kind {
        var text = take(Self.isDigit)
        var isDecimal = false
        if peek == ".", position + 1 < scalars.count, Self.isDigit(scalars[position + 1]) {
            isDecimal = true
            position += 1
            text += "." + take(Self.isDigit)
        }
        if let exponent = peek, exponent == "e" || exponent == "E" {
            isDecimal = true
            position += 1
            text += "e"
            if let sign = peek, sign == "+" || sign == "-" {
                position += 1
                text.unicodeScalars.append(sign)
            }
            text += take(Self.isDigit)
        }
        if let next = peek, Self.isLetter(next) || next == "." {
            throw SignatureError(column: column, "\(text)\(next)… is no number")
        }
        if isDecimal {
            guard let value = Double(text), value.isFinite else {
                throw SignatureError(column: column, "\(text) is no number that a double can hold")
            }
            return .decimal(value)
        }
        guard let value = UInt64(text) else {
            throw SignatureError(column: column, "\(text) doesn't fit in 64 bits")
        }
        return .integer(value)
    }

    private mutating func text(_ column: Int) throws(SignatureError) -> String {
        position += 1
        var text = ""
        while let next = peek {
            position += 1
            switch next {
            case "\"": return text
            case "\\":
                guard let escaped = peek, escaped == "\"" || escaped == "\\" else {
                    throw SignatureError(
                        column: position, "only \\\" and \\\\ can be escaped in a text")
                }
                position += 1
                text.unicodeScalars.append(escaped)
            case "\0":
                throw SignatureError(column: position, "a text can't hold NUL")
            default: text.unicodeScalars.append(next)
            }
        }
        throw SignatureError(column: column, "the text is not closed: end it with \"")
    }

    private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private func matches(_ sign: String) -> Bool {
        scalars[position...].starts(with: sign.unicodeScalars)
    }

    private mutating func take(_ belongs: (Unicode.Scalar) -> Bool) -> String {
        var text = ""
        while let next = peek, belongs(next) {
            text.unicodeScalars.append(next)
            position += 1
        }
        return text
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "_": true
        default: false
        }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        ("0"..."9").contains(scalar)
    }

    private static func quoted(_ scalar: Unicode.Scalar) -> String {
        scalar.value > 0x20 && scalar.value != 0x7F
            ? "'\(scalar)'" : "U+" + String(scalar.value, radix: 16, uppercase: true)
    }
}

extension SignatureLexer.Kind: CustomStringConvertible {
    /// For an error: what came.
    var description: String {
        switch self {
        case .name(let name): name
        case .integer(let value): "\(value)"
        case .decimal(let value): "\(value)"
        case .text(let text): "\"\(text)\""
        case .sign(let sign): "'\(sign)'"
        case .end: "the end"
        }
    }
}
