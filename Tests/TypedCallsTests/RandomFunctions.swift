import HostDispatch
import TestSupport

/// Makes C functions with random parameters, and calls of them with the results that they must have.
///
/// Structs of up to 16 bytes are frequent: whether one goes in registers, and in which, depends on all that stands
/// before it.
struct RandomFunctions {
    struct Call {
        let name: String
        let signature: String
        /// JSON.
        let arguments: String
        /// JSON.
        let result: String
    }

    private indirect enum Shape {
        case number(c: String, name: String)
        case structure(Int)

        var isStructure: Bool {
            if case .structure = self { true } else { false }
        }
    }

    /// A number is a count of quarters, if it is floating-point.
    private indirect enum Value {
        case number(Int64)
        case structure([Value])
    }

    private static let numbers: [(c: String, name: String)] = [
        ("int8_t", "i8"), ("uint8_t", "u8"), ("int16_t", "i16"), ("uint16_t", "u16"),
        ("int32_t", "i32"), ("uint32_t", "u32"), ("int64_t", "i64"), ("uint64_t", "u64"),
        ("bool", "bool"), ("float", "f32"), ("float", "f32"), ("double", "f64"),
        ("double", "f64"), ("double", "f64"),
    ]

    private var random: SeededGenerator
    private var structures: [[Shape]] = []
    private var functions: [String] = []

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        for _ in 0..<60 { structures.append(structure()) }
    }

    /// The C source of all functions made so far.
    var source: String {
        var text = """
            #include <stdbool.h>
            #include <stdint.h>
            #pragma GCC visibility push(default)
            #define MIX(value) hash = (hash ^ (uint64_t)(value)) * 1099511628211u

            """
        for (index, fields) in structures.enumerated() {
            let members = fields.enumerated().map { "\(cType($0.element)) f\($0.offset);" }
            text += "typedef struct { \(members.joined(separator: " ")) } S\(index);\n"
        }
        return text + functions.joined(separator: "\n") + "\n"
    }

    /// - Parameter returnsStructure: whether the function returns a struct that it got; or else a number made of all
    ///   that it got.
    mutating func call(returnsStructure: Bool) -> Call {
        let parameters = parameters(withStructure: returnsStructure)
        let values = parameters.map { value($0) }
        let named = parameters.enumerated().map { "a\($0.offset): \(signatureType($0.element))" }
        let arguments = zip(parameters, values).enumerated().map { index, argument in
            "\"a\(index)\":\(json(argument.0, argument.1))"
        }
        let declared = parameters.enumerated().map { "\(cType($0.element)) a\($0.offset)" }
        let name = "function_\(functions.count)"
        var hash: UInt64 = 14_695_981_039_346_656_037
        var statements: [String] = []
        for (index, (shape, value)) in zip(parameters, values).enumerated() {
            mix(shape, value, "a\(index)", &hash, &statements)
        }
        var (type, result) = ("uint64_t", "hash")
        var expected = "\(hash)"
        var resultType = "u64"
        if returnsStructure, let index = parameters.firstIndex(where: \.isStructure) {
            (type, result) = (cType(parameters[index]), "a\(index)")
            expected = json(parameters[index], values[index])
            resultType = signatureType(parameters[index])
            // What was got otherwise changes what is returned.
            statements.append("if (hash != \(hash)u) { static \(type) none; return none; }")
        }
        functions.append(
            """
            \(type) \(name)(\(declared.joined(separator: ", ")));
            \(type) \(name)(\(declared.joined(separator: ", "))) {
                uint64_t hash = 14695981039346656037u;
                \(statements.joined(separator: "\n    "))
                return \(result);
            }
            """)
        return Call(
            name: name, signature: "(\(named.joined(separator: ", "))) -> \(resultType)",
            arguments: "{\(arguments.joined(separator: ","))}", result: expected)
    }

    // MARK: Shapes

    private mutating func structure() -> [Shape] {
        (0..<[1, 2, 2, 2, 3, 3, 4, 5].randomElement(using: &random)!).map { _ in
            if !structures.isEmpty, Int.random(in: 0..<8, using: &random) == 0 {
                return .structure(structures.indices.randomElement(using: &random)!)
            }
            return number(Self.numbers)
        }
    }

    private mutating func number(_ numbers: [(c: String, name: String)]) -> Shape {
        let number = numbers.randomElement(using: &random)!
        return .number(c: number.c, name: number.name)
    }

    private mutating func parameters(withStructure: Bool) -> [Shape] {
        // Lists that fill one kind of register before the other.
        let floatingPoint = Int.random(in: 0...10, using: &random)
        var parameters = (0..<Int.random(in: 1...14, using: &random)).map { _ -> Shape in
            if Int.random(in: 0..<10, using: &random) < 4 {
                return .structure(structures.indices.randomElement(using: &random)!)
            }
            let isFloatingPoint = Int.random(in: 0..<10, using: &random) < floatingPoint
            return number(isFloatingPoint ? Self.numbers.suffix(5) : Array(Self.numbers.prefix(9)))
        }
        if withStructure {
            parameters.append(.structure(structures.indices.randomElement(using: &random)!))
        }
        return parameters
    }

    private func cType(_ shape: Shape) -> String {
        switch shape {
        case .number(let c, _): c
        case .structure(let index): "S\(index)"
        }
    }

    private func signatureType(_ shape: Shape) -> String {
        guard case .structure(let index) = shape else {
            guard case .number(_, let name) = shape else { return "" }
            return name
        }
        let fields = structures[index].enumerated().map {
            "f\($0.offset): \(signatureType($0.element))"
        }
        return "{\(fields.joined(separator: ", "))}"
    }

    // MARK: Values

    private mutating func value(_ shape: Shape) -> Value {
        switch shape {
        case .structure(let index): return .structure(structures[index].map { value($0) })
        case .number(_, "bool"): return .number(.random(in: 0...1, using: &random))
        case .number(_, let name) where name.hasPrefix("u"):
            return .number(.random(in: 0...200, using: &random))
        case .number: return .number(.random(in: -120...120, using: &random))
        }
    }

    private func json(_ shape: Shape, _ value: Value) -> String {
        switch (shape, value) {
        case (.structure(let index), .structure(let values)):
            let members = zip(structures[index], values).enumerated().map { position, member in
                "\"f\(position)\":\(json(member.0, member.1))"
            }
            return "{\(members.joined(separator: ","))}"
        case (.number(_, "bool"), .number(let bit)): return bit == 1 ? "true" : "false"
        case (.number(_, let name), .number(let count)):
            guard name.hasPrefix("f"), count % 4 != 0 else {
                return "\(name.hasPrefix("f") ? count / 4 : count)"
            }
            return "\(Double(count) / 4)"
        default: return ""
        }
    }

    private func mix(
        _ shape: Shape, _ value: Value, _ place: String, _ hash: inout UInt64,
        _ statements: inout [String]
    ) {
        switch (shape, value) {
        case (.structure(let index), .structure(let values)):
            for (position, field) in structures[index].enumerated() {
                mix(field, values[position], "\(place).f\(position)", &hash, &statements)
            }
        case (.number(_, let name), .number(let count)):
            let isFloatingPoint = name.hasPrefix("f")
            statements.append("MIX(\(isFloatingPoint ? "(int64_t)(\(place) * 4)" : place));")
            hash = (hash ^ UInt64(bitPattern: count)) &* 1_099_511_628_211
        default: break
        }
    }
}
