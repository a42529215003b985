extension SignatureParser {
    /// What can only be seen when all parts are there.
    func check(
        _ parameters: inout [Signature.Parameter], _ result: inout Signature.Result,
        columns: [Int], resultColumn: Int
    ) throws(SignatureError) {
        guard parameters.count <= Signature.maximumParameters else {
            throw SignatureError(
                column: columns[Signature.maximumParameters],
                "a signature has at most \(Signature.maximumParameters) parameters")
        }
        for reference in references {
            try check(reference, &parameters, &result)
        }
        for (parameter, column) in zip(parameters, columns) {
            if let problem = Self.problem(of: parameter) {
                throw SignatureError(column: column, problem)
            }
        }
        if let problem = Self.problem(of: result) {
            throw SignatureError(column: resultColumn, problem)
        }
        try checkOutputs(parameters, result, columns: columns)
        for role in [Signature.Parameter.Role.error, .errorText, .newInstance] {
            let places = parameters.indices.filter { parameters[$0].role == role }
            if places.count > 1 {
                throw SignatureError(
                    column: columns[places[1]], "there is one of these already: leave one out")
            }
        }
        if let place = parameters.firstIndex(where: { $0.role == .newInstance }),
            result.kind == .instance
        {
            throw SignatureError(
                column: columns[place], "the result is the instance already: leave one out")
        }
    }

    private func check(
        _ reference: SignatureReference, _ parameters: inout [Signature.Parameter],
        _ result: inout Signature.Result
    ) throws(SignatureError) {
        func refuse(_ why: String) -> SignatureError {
            SignatureError(column: reference.column, why)
        }
        let name = reference.name
        if reference.kind == .result {
            guard reference.moment == .after else {
                throw refuse("the result is not known before the call")
            }
            guard result.kind == .value, case .scalar(let scalar)? = result.type,
                scalar.isInteger, result.passing == .natural, !result.isOptional
            else { throw refuse("the result is no integer") }
            result.isCount = true
            return
        }
        let parameter = parameters[reference.index]
        switch reference.kind {
        case .count, .rows, .columns:
            guard parameter.direction != .out else {
                throw refuse("\(name) is no argument: its size is not known: use capacity(\(name))")
            }
            let isMatrix = if case .matrix = parameter.type { true } else { false }
            guard parameter.role == .value, parameter.type.isCounted,
                isMatrix == (reference.kind != .count)
            else {
                throw refuse(
                    reference.kind == .count
                        ? "\(name) has no count: count() is of an array or bytes"
                        : "\(name) is no matrix [[...]]")
            }
        case .capacity:
            guard !parameter.capacity.isEmpty else {
                throw refuse("\(name) has no capacity: declare it as out(...)")
            }
            guard reference.moment != .capacity else {
                throw refuse("a capacity can't be computed from a capacity")
            }
        case .value:
            guard parameter.role == .value, case .scalar(let scalar) = parameter.type,
                scalar.isInteger, parameter.capacity.isEmpty
            else { throw refuse("\(name) is no integer") }
            guard !parameter.isOptional else {
                throw refuse("\(name) may be missing: it can't be computed with")
            }
            if reference.moment == .after {
                if parameter.direction != .in { parameters[reference.index].isCount = true }
            } else if !parameter.isInput {
                throw refuse("\(name) is not known before the call")
            }
        case .result: break
        }
    }

    /// What is wrong with a parameter, and what to do.
    private static func problem(of parameter: Signature.Parameter) -> String? {
        guard parameter.role == .value else { return nil }
        let isCounted = parameter.type.isCounted
        let isBuffer = !parameter.capacity.isEmpty
        let dimensions = if case .matrix = parameter.type { 2 } else { 1 }
        if parameter.type == .pointer, parameter.value != .null || parameter.direction != .in {
            return "a pointer can only be NULL: write pointer = null"
        }
        switch parameter.direction {
        case .in:
            if !parameter.count.isEmpty || parameter.release != nil {
                return "count() and free() are for what comes back: write out or inout"
            }
            if parameter.type == .string, parameter.passing == .pointer {
                return "a string is a pointer already: leave out '*'"
            }
        case .inout:
            if parameter.isOptional { return "an inout parameter can't be optional" }
            if parameter.type == .string { return "a string can't be inout: use out(...)" }
            if parameter.passing == .pointer, !isCounted {
                return "inout passes a pointer already: leave out '*'"
            }
            if parameter.release != nil { return "the host owns what is inout: leave out free()" }
            if !isCounted, !parameter.count.isEmpty { return "count() is for arrays and bytes" }
        case .out:
            if parameter.value != nil { return "an out parameter has no value: write inout" }
            if isBuffer {
                guard isCounted || parameter.type == .string else {
                    return "out(...) is for arrays, bytes and strings: write out"
                }
                if parameter.isOptional { return "what the host allocates is never NULL" }
                if parameter.release != nil {
                    return "the host owns what is out(...): leave out free()"
                }
            } else if parameter.passing != .natural {
                return "out passes a pointer already: leave out '*'"
            } else if isCounted, parameter.count.isEmpty {
                return "how much comes back? Give it out(capacity) or count(...)"
            }
            if !isCounted, !parameter.count.isEmpty { return "count() is for arrays and bytes" }
            if !isCounted, parameter.type != .string, parameter.isOptional {
                return "an out number or struct is always there: leave out '?'"
            }
        }
        if parameter.value != nil, parameter.isOptional || parameter.passing != .natural {
            return "a computed argument is passed as it is: leave out '*' and '?'"
        }
        if isBuffer, parameter.capacity.count != dimensions {
            return "out(...) needs \(dimensions == 2 ? "rows and columns" : "one number")"
        }
        if !parameter.count.isEmpty, parameter.count.count != dimensions {
            return "count(...) needs \(dimensions == 2 ? "rows and columns" : "one number")"
        }
        return nil
    }

    private static func problem(of result: Signature.Result) -> String? {
        guard result.kind == .value, let type = result.type else {
            return result.count.isEmpty ? nil : "count() is for arrays and bytes"
        }
        let dimensions = if case .matrix = type { 2 } else { 1 }
        if type == .pointer { return "a pointer can't be answered: leave the result out" }
        if type == .string, result.passing == .pointer {
            return "a string is a pointer already: leave out '*'"
        }
        if type.isCounted {
            guard !result.count.isEmpty else {
                return "how much comes back? Say it with count(...)"
            }
            guard result.count.count == dimensions else {
                return "count(...) needs \(dimensions == 2 ? "rows and columns" : "one number")"
            }
        } else if !result.count.isEmpty {
            return "count() is for arrays and bytes"
        }
        if result.release != nil, !result.isPointer {
            return "there is nothing to free: the result is no pointer"
        }
        if result.check != nil {
            guard case .scalar(let scalar) = type, scalar.isInteger, !result.isPointer else {
                return "check() is for an integer result"
            }
        }
        return nil
    }

    /// A response of several values is an object, whose members need names.
    private func checkOutputs(
        _ parameters: [Signature.Parameter], _ result: Signature.Result, columns: [Int]
    ) throws(SignatureError) {
        let outputs = parameters.indices.filter { parameters[$0].isOutput }
        guard outputs.count + (result.isShown ? 1 : 0) > 1 else { return }
        for index in outputs {
            guard let name = parameters[index].name else {
                throw SignatureError(
                    column: columns[index],
                    "more than one value comes back: give each out parameter a name")
            }
            if name == "result", result.isShown {
                throw SignatureError(
                    column: columns[index],
                    "result is the name of what the function returns: use another one")
            }
        }
    }
}

extension Signature.Result {
    /// Whether C returns an address.
    var isPointer: Bool {
        guard let type else { return kind == .instance }
        return passing == .pointer || isOptional || type.isCounted || type == .string
    }
}
