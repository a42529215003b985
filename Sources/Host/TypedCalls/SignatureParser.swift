/// Reads a signature by recursive descent, one token ahead.
struct SignatureParser {
    /// Words that can't name a type.
    static let reserved: Set<String> = [
        "self", "error", "out", "inout", "string", "bytes", "pointer", "enum", "void", "status",
        "check", "count", "free", "errno", "null", "true", "false", "result",
    ]

    let types: NamedTypes
    private let tokens: [SignatureLexer.Token]
    private var position = 0
    /// The parameters' indices, known before they are read: an expression may name a later one.
    private(set) var indices: [String: Int] = [:]
    /// What expressions refer to, to be checked when all parameters are known.
    var references: [SignatureReference] = []
    /// How deep types and expressions are nested.
    private var depth = 0

    private static let deepest = 32
    /// Types that hold other types grow quickly.
    private static let mostLeaves = 1024

    init(_ text: String, types: NamedTypes) throws(SignatureError) {
        tokens = try SignatureLexer.tokens(of: text)
        self.types = types
    }

    mutating func signature() throws(SignatureError) -> (
        [Signature.Parameter], Signature.Result
    ) {
        try findNames()
        try expect("(", "to begin the parameters")
        var parameters: [Signature.Parameter] = []
        var columns: [Int] = []
        if !take(")") {
            repeat {
                columns.append(column)
                parameters.append(try parameter())
            } while take(",")
            try expect(")", "or ',' after the parameter")
        }
        var result = Signature.Result()
        var resultColumn = column
        if take("->") {
            resultColumn = column
            result = try self.result()
        }
        guard kind == .end else { throw expected("the end of the signature") }
        try check(&parameters, &result, columns: columns, resultColumn: resultColumn)
        return (parameters, result)
    }

    /// A type that stands alone, as in a declaration.
    mutating func wholeType() throws(SignatureError) -> ValueType {
        let type = try base()
        guard kind == .end else { throw expected("the end of the type") }
        return type
    }

    // MARK: Parameters

    /// Names are what stands before ':' in the outermost parentheses.
    private mutating func findNames() throws(SignatureError) {
        var depth = 0
        var index = 0
        for (position, token) in tokens.enumerated() {
            switch token.kind {
            case .sign("("), .sign("["), .sign("{"): depth += 1
            case .sign(")"), .sign("]"), .sign("}"):
                depth -= 1
                if depth == 0 { return }
            case .sign(",") where depth == 1: index += 1
            case .name(let name)
            where depth == 1 && tokens[position + 1].kind == .sign(":"):
                guard indices.updateValue(index, forKey: name) == nil else {
                    throw SignatureError(
                        column: token.column, "two parameters are named \(name): rename one")
                }
            default: break
            }
        }
    }

    private mutating func parameter() throws(SignatureError) -> Signature.Parameter {
        var parameter = Signature.Parameter()
        if case .name(let name) = kind, tokens[position + 1].kind == .sign(":") {
            parameter.name = name
            position += 2
        }
        if take(word: "self") {
            parameter.role = .instance
            return parameter
        }
        if take(word: "error") {
            parameter.role = .error
            guard take(word: "string") else { return parameter }
            parameter.role = .errorText
            if take(word: "free") { parameter.release = try release() }
            return parameter
        }
        if take(word: "out") {
            if take(word: "self") {
                parameter.role = .newInstance
                return parameter
            }
            parameter.direction = .out
            if take("(") { parameter.capacity = try list(.capacity) }
        } else if take(word: "inout") {
            parameter.direction = .inout
        }
        (parameter.type, parameter.passing, parameter.isOptional) = try passedType()
        if take("=") { parameter.value = try value(for: parameter.type) }
        while true {
            if take(word: "count") {
                try expect("(", "after count")
                parameter.count = try list(.after)
            } else if take(word: "free") {
                parameter.release = try release()
            } else {
                return parameter
            }
        }
    }

    // MARK: Result

    private mutating func result() throws(SignatureError) -> Signature.Result {
        var result = Signature.Result()
        if take(word: "void") { return result }
        if take(word: "status") {
            result.kind = .status
            return result
        }
        if take(word: "self") {
            result.kind = .instance
        } else {
            result.kind = .value
            let (type, passing, isOptional) = try passedType()
            (result.type, result.passing, result.isOptional) = (type, passing, isOptional)
        }
        while true {
            if take(word: "check") {
                result.check = try self.check()
            } else if take(word: "count") {
                try expect("(", "after count")
                result.count = try list(.after)
            } else if take(word: "free") {
                result.release = try release()
            } else {
                return result
            }
        }
    }

    private mutating func check() throws(SignatureError) -> Signature.Check {
        try expect("(", "after check")
        var check = Signature.Check()
        for relation in Signature.Check.Relation.allCases where take(relation.rawValue) {
            check.relation = relation
            break
        }
        check.bound = try signedInteger("what the result is compared with, an integer")
        while take(",") {
            guard case .name(let name) = kind else {
                throw expected("errno or a status such as INVALID_ARGUMENT")
            }
            if name == "errno" {
                check.readsErrno = true
            } else if let status = Signature.Check.statuses.firstIndex(of: name), status > 0 {
                check.status = Int32(status)
            } else {
                throw expected("errno or a status such as INVALID_ARGUMENT")
            }
            position += 1
        }
        try expect(")", "to end check")
        return check
    }

    private mutating func release() throws(SignatureError) -> Signature.Symbol {
        try expect("(", "after free")
        guard case .name(let name) = kind else {
            throw expected("the name of the function that frees it")
        }
        let symbol = Signature.Symbol(name: name, column: column)
        position += 1
        try expect(")", "after \(name)")
        return symbol
    }

    // MARK: Types

    private mutating func passedType() throws(SignatureError) -> (
        ValueType, Signature.Passing, isOptional: Bool
    ) {
        let start = column
        var passing = Signature.Passing.natural
        if take("*") { passing = .pointer }
        let type = try base()
        if kind == .sign("("), type.isCounted {
            guard passing == .natural else {
                throw SignatureError(
                    column: column, "'*' passes no count: leave out '*', or the count's type")
            }
            position += 1
            guard case .name(let name) = kind, let scalar = Scalar(rawValue: name),
                scalar.isInteger
            else { throw expected("the count's type, such as u32") }
            position += 1
            passing = .counted(scalar)
            try expect(")", "after the count's type")
        }
        if passing == .pointer, type == .pointer {
            throw SignatureError(column: start, "pointer is a pointer already: leave out '*'")
        }
        return (type, passing, take("?"))
    }

    private mutating func base() throws(SignatureError) -> ValueType {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else {
            throw SignatureError(
                column: column, "types are nested deeper than \(Self.deepest) levels")
        }
        if take("[") { return try array() }
        if take("{") { return try structure() }
        guard case .name(let name) = kind else { throw expected("a type") }
        switch name {
        case "string":
            position += 1
            return .string
        case "bytes":
            position += 1
            return .bytes
        case "pointer":
            position += 1
            return .pointer
        case "enum":
            position += 1
            return .enumeration(try enumeration())
        default: break
        }
        guard let type = Scalar(rawValue: name).map(ValueType.scalar) ?? types[name] else {
            throw SignatureError(column: column, ForeignTypes.message(for: name))
        }
        position += 1
        return type
    }

    private mutating func array() throws(SignatureError) -> ValueType {
        let start = column
        let element = try base()
        try expect("]", "after the array's element")
        switch element {
        case .scalar, .enumeration, .structure, .string: return .array(element)
        case .array(.scalar(let scalar)): return .matrix(scalar)
        case .array, .bytes, .matrix, .pointer:
            throw SignatureError(
                column: start,
                "an array holds numbers, enums, structs or strings, a matrix [[...]] numbers")
        }
    }

    private mutating func structure() throws(SignatureError) -> ValueType {
        var fields: [Structure.Field] = []
        repeat {
            guard case .name(let name) = kind else { throw expected("a field's name") }
            guard !fields.contains(where: { $0.name == name }) else {
                throw SignatureError(
                    column: column, "two fields are named \(name): rename one")
            }
            guard fields.count < Signature.maximumParameters else {
                throw SignatureError(
                    column: column,
                    "a struct has at most \(Signature.maximumParameters) fields")
            }
            position += 1
            try expect(":", "after the field's name")
            let start = column
            let type = try base()
            let isOptional = take("?")
            switch type {
            case .string: break
            case .scalar, .enumeration, .structure:
                guard !isOptional else {
                    throw SignatureError(
                        column: start, "of a struct's fields only a string can be optional")
                }
            case .array, .matrix, .bytes, .pointer:
                throw SignatureError(
                    column: start, "a field is a number, an enum, a string or a struct")
            }
            fields.append(Structure.Field(name: name, type: type, isOptional: isOptional))
        } while take(",")
        let structure = Structure(fields: fields)
        guard structure.leafCount <= Self.mostLeaves else {
            throw SignatureError(
                column: column, "a struct holds at most \(Self.mostLeaves) values in all")
        }
        try expect("}", "or ',' after the field")
        return .structure(structure)
    }

    private mutating func enumeration() throws(SignatureError) -> Enumeration {
        var base = Scalar.i32
        if case .name(let name) = kind {
            guard let scalar = Scalar(rawValue: name), scalar.isInteger else {
                throw expected("an integer type or '{'")
            }
            base = scalar
            position += 1
        }
        try expect("{", "to begin the enum's names")
        var cases: [Enumeration.Case] = []
        var next: Int64? = 0
        repeat {
            guard case .name(let name) = kind else { throw expected("a name of the enum") }
            guard !cases.contains(where: { $0.name == name }) else {
                throw SignatureError(column: column, "\(name) stands twice in the enum")
            }
            position += 1
            let start = column
            if take("=") { next = try signedInteger("the value of \(name)") }
            let range = base.range
            guard let value = next, value >= range.least,
                value < 0 || UInt64(value) <= range.greatest
            else {
                throw SignatureError(
                    column: start, "the value of \(name) doesn't fit \(base.rawValue)")
            }
            cases.append(Enumeration.Case(name: name, value: value))
            next = value == .max ? nil : value + 1
        } while take(",")
        try expect("}", "or ',' after the name")
        return Enumeration(base: base, cases: cases)
    }

    mutating func signedInteger(_ what: String) throws(SignatureError) -> Int64 {
        let start = column
        let isNegative = take("-")
        guard case .integer(let magnitude) = kind else { throw expected(what) }
        position += 1
        guard let value = Int64(exactly: magnitude).map({ isNegative ? -$0 : $0 }) else {
            throw SignatureError(column: start, "\(magnitude) doesn't fit in 63 bits")
        }
        return value
    }

    // MARK: Tokens

    var kind: SignatureLexer.Kind { tokens[position].kind }
    var column: Int { tokens[position].column }

    mutating func advance() { position += 1 }

    mutating func take(_ sign: String) -> Bool {
        guard kind == .sign(sign) else { return false }
        position += 1
        return true
    }

    mutating func take(word: String) -> Bool {
        guard kind == .name(word) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ sign: String, _ place: String) throws(SignatureError) {
        guard take(sign) else { throw expected("'\(sign)' \(place)") }
    }

    func expected(_ what: String) -> SignatureError {
        SignatureError(column: column, "expected \(what), found \(kind)")
    }

    /// Runs `body` one level deeper.
    mutating func nested<Value>(
        _ body: (inout SignatureParser) throws(SignatureError) -> Value
    ) throws(SignatureError) -> Value {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else {
            throw SignatureError(
                column: column, "expressions are nested deeper than \(Self.deepest) levels")
        }
        return try body(&self)
    }
}

extension Signature.Check {
    /// gRPC's status codes, by their numbers.
    static let statuses = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    ]
}
