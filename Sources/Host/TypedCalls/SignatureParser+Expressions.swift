extension SignatureParser {
    typealias Moment = SignatureReference.Moment

    /// Expressions up to the closing parenthesis: one, or one for rows and one for columns.
    mutating func list(_ moment: Moment) throws(SignatureError) -> [Expression] {
        var expressions: [Expression] = []
        repeat { expressions.append(try expression(moment)) } while take(",")
        try expect(")", "or ',' after the expression")
        return expressions
    }

    /// What stands behind '=': for some types it can only be a constant.
    mutating func value(for type: ValueType) throws(SignatureError) -> Expression {
        let start = column
        switch type {
        case .pointer:
            guard take(word: "null") else { throw expected("null, all that a pointer can be") }
            return .null
        case .string:
            if take(word: "null") { return .null }
            guard case .text(let text) = kind else { throw expected("a text or null") }
            advance()
            return .text(text)
        case .enumeration(let enumeration):
            guard case .name(let name) = kind, let value = enumeration.value(of: name) else {
                throw expected("one of \(enumeration.cases.map(\.name).joined(separator: ", "))")
            }
            advance()
            return .enumerator(value)
        case .scalar(.bool):
            if take(word: "true") { return .boolean(true) }
            if take(word: "false") { return .boolean(false) }
            throw expected("true or false")
        case .scalar(let scalar) where scalar.isFloatingPoint:
            let isNegative = take("-")
            switch kind {
            case .decimal(let value):
                advance()
                return .decimal(isNegative ? -value : value)
            case .integer(let value):
                advance()
                return .decimal(isNegative ? -Double(value) : Double(value))
            default: throw expected("a number")
            }
        case .scalar(let scalar):
            let value = try expression(.value)
            if case .integer(let magnitude, let isNegative) = value {
                let range = scalar.range
                let fits =
                    isNegative
                    ? magnitude <= range.least.magnitude : magnitude <= range.greatest
                guard fits else {
                    throw SignatureError(
                        column: start, "the constant doesn't fit \(scalar.rawValue)")
                }
            }
            return value
        case .bytes, .array, .matrix, .structure:
            throw SignatureError(
                column: start, "only numbers, strings, enums and pointers can be computed")
        }
    }

    /// Terms that must all be the same.
    private mutating func expression(_ moment: Moment) throws(SignatureError) -> Expression {
        try nested { parser throws(SignatureError) in
            var terms = [try parser.sum(moment)]
            while parser.take("==") { terms.append(try parser.sum(moment)) }
            return terms.count == 1 ? terms[0] : .equal(terms)
        }
    }

    private mutating func sum(_ moment: Moment) throws(SignatureError) -> Expression {
        var left = try product(moment)
        while true {
            if take("+") {
                left = .sum(left, try product(moment))
            } else if take("-") {
                left = .difference(left, try product(moment))
            } else {
                return left
            }
        }
    }

    private mutating func product(_ moment: Moment) throws(SignatureError) -> Expression {
        var left = try factor(moment)
        while take("*") { left = .product(left, try factor(moment)) }
        return left
    }

    private mutating func factor(_ moment: Moment) throws(SignatureError) -> Expression {
        if take("-") {
            guard case .integer(let magnitude) = kind else {
                throw expected("an integer after '-'")
            }
            advance()
            return .integer(magnitude: magnitude, isNegative: magnitude > 0)
        }
        if take("(") {
            let inner = try expression(moment)
            try expect(")", "to end the expression")
            return inner
        }
        switch kind {
        case .integer(let magnitude):
            advance()
            return .integer(magnitude: magnitude, isNegative: false)
        case .name(let name):
            let start = column
            advance()
            guard take("(") else { return try reference(name, start, moment) }
            return try call(name, start, moment)
        default: throw expected("an integer, a parameter's name or a function")
        }
    }

    private mutating func call(
        _ name: String, _ start: Int, _ moment: Moment
    ) throws(SignatureError) -> Expression {
        let kinds: [String: SignatureReference.Kind] = [
            "count": .count, "rows": .rows, "columns": .columns, "capacity": .capacity,
        ]
        guard let kind = kinds[name] else {
            let arguments = try list(moment)
            guard arguments.count <= 3 else {
                throw SignatureError(
                    column: start, "\(name) gets more than the 3 arguments that can be passed")
            }
            return .function(Signature.Symbol(name: name, column: start), arguments)
        }
        let index = try refer(kind, moment)
        try expect(")", "after the parameter's name")
        switch kind {
        case .count: return .count(index)
        case .rows: return .rows(index)
        case .columns: return .columns(index)
        default: return .capacity(index)
        }
    }

    private mutating func refer(
        _ kind: SignatureReference.Kind, _ moment: Moment
    ) throws(SignatureError) -> Int {
        guard case .name(let name) = self.kind, let index = indices[name] else {
            throw expected("a parameter's name")
        }
        references.append(
            SignatureReference(
                kind: kind, moment: moment, name: name, index: index, column: column))
        advance()
        return index
    }

    private mutating func reference(
        _ name: String, _ start: Int, _ moment: Moment
    ) throws(SignatureError) -> Expression {
        if let index = indices[name] {
            references.append(
                SignatureReference(
                    kind: .value, moment: moment, name: name, index: index, column: start))
            return .parameter(index)
        }
        guard name == "result" else {
            throw SignatureError(column: start, "there is no parameter \(name)")
        }
        references.append(
            SignatureReference(
                kind: .result, moment: moment, name: name, index: -1, column: start))
        return .result
    }
}
