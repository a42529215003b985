/// A type that both C and JSON can express.
package indirect enum ValueType: Sendable, Hashable {
    case scalar(Scalar)
    case enumeration(Enumeration)
    /// NUL-terminated UTF-8.
    case string
    /// In JSON base64.
    case bytes
    case structure(Structure)
    /// Elements side by side.
    case array(ValueType)
    /// Rows of numbers side by side, all of the same length.
    case matrix(Scalar)
    /// Any pointer: NULL is all that can be passed.
    case pointer

    /// Whether a count belongs to it.
    package var isCounted: Bool {
        switch self {
        case .bytes, .array, .matrix: true
        case .scalar, .enumeration, .string, .structure, .pointer: false
        }
    }
}

/// A number or a truth value, by C's names without the `_t`.
package enum Scalar: String, Sendable, Hashable, CaseIterable {
    case bool
    case i8, i16, i32, i64
    case u8, u16, u32, u64
    case f32, f64
    /// `size_t`.
    case size

    package var isInteger: Bool { self != .bool && !isFloatingPoint }
    package var isFloatingPoint: Bool { self == .f32 || self == .f64 }
    package var isSigned: Bool {
        switch self {
        case .i8, .i16, .i32, .i64, .f32, .f64: true
        case .bool, .u8, .u16, .u32, .u64, .size: false
        }
    }

    /// In bytes, which is its alignment too.
    package var size: Int {
        switch self {
        case .bool, .i8, .u8: 1
        case .i16, .u16: 2
        case .i32, .u32, .f32: 4
        case .i64, .u64, .f64, .size: 8
        }
    }

    /// The least and the greatest value of an integer type.
    package var range: (least: Int64, greatest: UInt64) {
        let bits = size * 8
        return isSigned
            ? (Int64.min >> (64 - bits), UInt64(Int64.max >> (64 - bits)))
            : (0, UInt64.max >> (64 - bits))
    }
}

/// Names for integers, an `int` in C unless another type is given.
package struct Enumeration: Sendable, Hashable {
    package struct Case: Sendable, Hashable {
        package let name: String
        package let value: Int64
    }

    package let base: Scalar
    /// In the order written; two may have the same value, which is answered with the first's name.
    package let cases: [Case]

    package func value(of name: String) -> Int64? { cases.first { $0.name == name }?.value }
}

package struct Structure: Sendable, Hashable {
    package struct Field: Sendable, Hashable {
        package let name: String
        package let type: ValueType
        package let isOptional: Bool

        package init(name: String, type: ValueType, isOptional: Bool) {
            self.name = name
            self.type = type
            self.isOptional = isOptional
        }
    }

    /// In C's order.
    package let fields: [Field]

    package init(fields: [Field]) {
        self.fields = fields
    }

    /// How many values it holds, those of structs in it among them.
    var leafCount: Int {
        fields.reduce(0) { count, field in
            guard case .structure(let inner) = field.type else { return count + 1 }
            return count + inner.leafCount
        }
    }
}

extension ValueType {
    /// As it is written in a signature, structs and enums in short.
    package var name: String {
        switch self {
        case .scalar(let scalar): scalar.rawValue
        case .enumeration: "enum"
        case .string: "string"
        case .bytes: "bytes"
        case .structure: "struct"
        case .array(let element): "[\(element.name)]"
        case .matrix(let scalar): "[[\(scalar.rawValue)]]"
        case .pointer: "pointer"
        }
    }
}
