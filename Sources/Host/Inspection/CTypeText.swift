/// Reads a type as Clang prints it, such as `const char *` or `int (*)(void *, int)`.
///
/// Clang has parsed the header; what it prints is regular. Typedefs are resolved here, because it resolves only the
/// outermost one.
///
/// Source: ISO C11, 6.7.7 "Type names".
struct CTypeText {
    /// What a name that isn't C's stands for.
    typealias Lookup = (String) -> CType?

    private let tokens: [String]
    private var position = 0
    private let lookup: Lookup

    /// A function's type.
    struct Function {
        var result: CType
        var takesMore: Bool
        var hasNoPrototype: Bool
    }

    static func type(_ text: String, _ lookup: @escaping Lookup) -> CType {
        var reader = CTypeText(text, lookup)
        return reader.wholeType()
    }

    /// What stands in front of the parameters: they come from their own declarations.
    static func function(_ text: String, _ lookup: @escaping Lookup) -> Function {
        var reader = CTypeText(text, lookup)
        let (base, isConstant) = reader.baseType()
        var declarator = reader.declarator()
        guard case .function(let takesMore, let hasNoPrototype)? = declarator.last else {
            return Function(result: .other(text), takesMore: false, hasNoPrototype: false)
        }
        declarator.removeLast()
        return Function(
            result: Self.apply(declarator, to: base, isConstant: isConstant), takesMore: takesMore,
            hasNoPrototype: hasNoPrototype)
    }

    private init(_ text: String, _ lookup: @escaping Lookup) {
        tokens = Self.tokens(text)
        self.lookup = lookup
    }

    // MARK: Declarators

    /// One step from what is declared to its base type, the step nearest to the base first.
    private enum Step {
        case pointer
        case constant
        case array(Int?)
        case function(takesMore: Bool, hasNoPrototype: Bool)
    }

    private mutating func wholeType() -> CType {
        let (base, isConstant) = baseType()
        return Self.apply(declarator(), to: base, isConstant: isConstant)
    }

    private static func apply(
        _ steps: [Step], to base: CType, isConstant: Bool
    ) -> CType {
        var (type, isConstant) = (base, isConstant)
        for step in steps {
            switch step {
            case .pointer: (type, isConstant) = (.pointer(to: type, isConstant: isConstant), false)
            case .constant: isConstant = true
            case .array(let count): type = .array(of: type, count: count)
            case .function: (type, isConstant) = (.function, false)
            }
        }
        return type
    }

    /// `* const *`, `(*)(int)`, `[4]`.
    private mutating func declarator() -> [Step] {
        var steps: [Step] = []
        while let token = peek {
            if token == "*" {
                steps.append(.pointer)
            } else if token == "const" {
                steps.append(.constant)
            } else if !Self.qualifiers.contains(token) {
                break
            }
            position += 1
        }
        var inner: [Step] = []
        if peek == "(", ["*", "("].contains(peek(1)) {
            position += 1
            inner = declarator()
            take(")")
        }
        var suffixes: [Step] = []
        while let suffix = suffix() { suffixes.append(suffix) }
        return steps + suffixes.reversed() + inner
    }

    private mutating func suffix() -> Step? {
        if take("[") {
            let count = peek.flatMap(Int.init)
            while let token = peek, token != "]" {
                _ = token
                position += 1
            }
            take("]")
            return .array(count)
        }
        guard take("(") else { return nil }
        if take(")") { return .function(takesMore: false, hasNoPrototype: true) }
        var takesMore = false
        repeat {
            if take("...") { takesMore = true } else { _ = wholeType() }
        } while take(",")
        take(")")
        return .function(takesMore: takesMore, hasNoPrototype: false)
    }

    // MARK: Base types

    private mutating func baseType() -> (CType, isConstant: Bool) {
        var words: [String] = []
        var isConstant = false
        while let token = peek, Self.isWord(token) {
            position += 1
            if token == "const" {
                isConstant = true
            } else if token == "__attribute__" {
                skipParentheses()
            } else if !Self.qualifiers.contains(token) {
                words.append(token)
                if ["struct", "union", "enum"].contains(token), peek == "(" {
                    words.append(skipParentheses())
                }
            }
        }
        return (named(words), isConstant)
    }

    private func named(_ words: [String]) -> CType {
        let text = words.joined(separator: " ")
        if let type = Self.basicTypes[text] ?? lookup(text) { return type }
        return .other(text)
    }

    /// On the machines that the host runs on, `long` has 64 bits.
    private static let basicTypes: [String: CType] = [
        "void": .void, "bool": .bool, "_Bool": .bool, "char": .character, "size_t": .size,
        "signed char": .integer(bits: 8, isSigned: true),
        "unsigned char": .integer(bits: 8, isSigned: false),
        "short": .integer(bits: 16, isSigned: true),
        "unsigned short": .integer(bits: 16, isSigned: false),
        "int": .integer(bits: 32, isSigned: true),
        "unsigned int": .integer(bits: 32, isSigned: false),
        "long": .integer(bits: 64, isSigned: true),
        "unsigned long": .integer(bits: 64, isSigned: false),
        "long long": .integer(bits: 64, isSigned: true),
        "unsigned long long": .integer(bits: 64, isSigned: false),
        "float": .floating(bits: 32), "double": .floating(bits: 64),
    ]

    // MARK: Tokens

    private static let qualifiers: Set = [
        "const", "volatile", "restrict", "__restrict", "_Nonnull", "_Nullable", "_Atomic",
        "_Null_unspecified", "__unaligned",
    ]

    private var peek: String? { isAtEnd ? nil : peek(0) }

    private func peek(_ distance: Int) -> String {
        tokens.indices.contains(position + distance) ? tokens[position + distance] : ""
    }

    private var isAtEnd: Bool { position >= tokens.count }

    @discardableResult
    private mutating func take(_ token: String) -> Bool {
        guard peek == token else { return false }
        position += 1
        return true
    }

    /// What stands between a pair of parentheses, others within it, as it stands.
    @discardableResult
    private mutating func skipParentheses() -> String {
        guard take("(") else { return "" }
        var depth = 1
        var words: [String] = []
        while !isAtEnd, depth > 0 {
            let token = peek(0)
            depth += token == "(" ? 1 : token == ")" ? -1 : 0
            if depth > 0 { words.append(token) }
            position += 1
        }
        return words.joined(separator: " ")
    }

    private static func isWord(_ token: String) -> Bool {
        token.unicodeScalars.first.map { $0 == "_" || $0.properties.isAlphabetic } ?? false
    }

    /// Words, numbers, `...`, and every other sign by itself.
    private static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        var word = ""
        for character in text {
            let isPartOfWord = character.isLetter || character.isNumber || character == "_"
            if !isPartOfWord, !word.isEmpty {
                tokens.append(word)
                word = ""
            }
            if isPartOfWord {
                word.append(character)
            } else if character == ".", let last = tokens.last, last == "." || last == ".." {
                tokens[tokens.count - 1] = last + "."
            } else if !character.isWhitespace {
                tokens.append(String(character))
            }
        }
        return word.isEmpty ? tokens : tokens + [word]
    }
}
