/// An expression with its functions found: computed anew for each call.
indirect enum Computation: Sendable {
    case constant(Int)
    case count(Int)
    case rows(Int)
    case columns(Int)
    case capacity(Int)
    case parameter(Int)
    case result
    case function(CFunction, [Computation])
    case sum(Computation, Computation)
    case difference(Computation, Computation)
    case product(Computation, Computation)
    case equal([Computation])

    /// - Parameter find: finds a function.
    init(
        _ expression: Expression, find: (Signature.Symbol) throws(SignatureError) -> CFunction
    ) throws(SignatureError) {
        switch expression {
        case .integer(let magnitude, let isNegative):
            // Beyond 63 bits it is no count; such a constant is a value of its own, and not computed.
            let value = Int(truncatingIfNeeded: magnitude)
            self = .constant(isNegative ? 0 &- value : value)
        case .enumerator(let value): self = .constant(Int(value))
        case .boolean(let value): self = .constant(value ? 1 : 0)
        case .decimal, .text, .null: self = .constant(0)
        case .count(let index): self = .count(index)
        case .rows(let index): self = .rows(index)
        case .columns(let index): self = .columns(index)
        case .capacity(let index): self = .capacity(index)
        case .parameter(let index): self = .parameter(index)
        case .result: self = .result
        case .function(let symbol, let arguments):
            var computations: [Computation] = []
            for argument in arguments {
                computations.append(try Computation(argument, find: find))
            }
            self = .function(try find(symbol), computations)
        case .sum(let left, let right):
            self = .sum(try Computation(left, find: find), try Computation(right, find: find))
        case .difference(let left, let right):
            self = .difference(
                try Computation(left, find: find), try Computation(right, find: find))
        case .product(let left, let right):
            self = .product(try Computation(left, find: find), try Computation(right, find: find))
        case .equal(let terms):
            var computations: [Computation] = []
            for term in terms { computations.append(try Computation(term, find: find)) }
            self = .equal(computations)
        }
    }

    func value(in frame: borrowing CallFrame) throws(ArgumentError) -> Int {
        switch self {
        case .constant(let value): return value
        case .count(let index): return unsafe frame.states[index].count
        case .rows(let index): return unsafe frame.states[index].rows
        case .columns(let index): return unsafe frame.states[index].columns
        case .capacity(let index): return unsafe frame.states[index].capacity
        case .parameter(let index):
            guard let value = frame.integer(index) else { throw tooLarge(frame) }
            return value
        case .result:
            guard let value = frame.integerResult else { throw tooLarge(frame) }
            return value
        case .function(let function, let arguments):
            var values: [UInt] = []
            for argument in arguments {
                guard let value = UInt(exactly: try argument.value(in: frame)) else {
                    throw ArgumentError(
                        "\(argument.text(frame.plan)) is negative, \(function.name)() takes a size")
                }
                values.append(value)
            }
            guard let value = Int(exactly: function.computed(values)) else {
                throw tooLarge(frame)
            }
            return value
        case .sum(let left, let right):
            let (value, isOver) = try left.value(in: frame)
                .addingReportingOverflow(right.value(in: frame))
            guard !isOver else { throw tooLarge(frame) }
            return value
        case .difference(let left, let right):
            let (value, isOver) = try left.value(in: frame)
                .subtractingReportingOverflow(right.value(in: frame))
            guard !isOver else { throw tooLarge(frame) }
            return value
        case .product(let left, let right):
            let (value, isOver) = try left.value(in: frame)
                .multipliedReportingOverflow(by: right.value(in: frame))
            guard !isOver else { throw tooLarge(frame) }
            return value
        case .equal(let terms):
            let first = try terms[0].value(in: frame)
            for term in terms.dropFirst() {
                let other = try term.value(in: frame)
                guard other == first else {
                    throw ArgumentError(
                        "\(terms[0].text(frame.plan)) is \(first) and \(term.text(frame.plan)) is "
                            + "\(other): they must be the same")
                }
            }
            return first
        }
    }

    private func tooLarge(_ frame: borrowing CallFrame) -> ArgumentError {
        ArgumentError("\(text(frame.plan)) doesn't fit in 63 bits")
    }

    /// As the author wrote it, or nearly.
    func text(_ plan: FunctionPlan) -> String {
        switch self {
        case .constant(let value): "\(value)"
        case .count(let index): "count(\(plan.parameters[index].label))"
        case .rows(let index): "rows(\(plan.parameters[index].label))"
        case .columns(let index): "columns(\(plan.parameters[index].label))"
        case .capacity(let index): "capacity(\(plan.parameters[index].label))"
        case .parameter(let index): plan.parameters[index].label
        case .result: "result"
        case .function(let function, let arguments):
            "\(function.name)(\(arguments.map { $0.text(plan) }.joined(separator: ", ")))"
        case .sum(let left, let right): "(\(left.text(plan)) + \(right.text(plan)))"
        case .difference(let left, let right): "(\(left.text(plan)) - \(right.text(plan)))"
        case .product(let left, let right): "(\(left.text(plan)) * \(right.text(plan)))"
        case .equal(let terms): terms.map { $0.text(plan) }.joined(separator: " == ")
        }
    }
}
