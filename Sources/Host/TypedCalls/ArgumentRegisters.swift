/// Which registers of x86-64 a call's arguments have taken so far.
///
/// libffi follows the same rules, with one mistake before 3.4.8: of a struct whose first half is integer and whose
/// second half is floating-point it copies both halves into the integer register. If that is the last one, the second
/// half overwrites the first floating-point argument. Passing such a struct as its two halves means the same to C, and
/// has libffi copy each to its place; for that it must be known whether the struct goes in registers at all.
///
/// Source: System V ABI, AMD64 Architecture Processor Supplement 1.0, 3.2.3 "Parameter Passing"; libffi's
/// pull request 848.
struct ArgumentRegisters {
    /// What the ABI calls the class of eight bytes of an argument.
    enum Eightbyte {
        case integer
        case floatingPoint
    }

    /// Whether this machine has them.
    #if arch(x86_64)
    static let areHere = true
    #else
    static let areHere = false
    #endif

    private static let integerCount = 6
    private static let floatingPointCount = 8
    /// The largest struct that goes in registers, in bytes.
    private static let largestStruct = 16

    private var integers = 0
    private var floatingPoints = 0

    /// - Parameter result: what the function returns; nil: nothing, or a pointer.
    init(result: StoredType?) {
        // Where a large result is to be put is told as the first argument.
        if let result, Self.eightbytes(of: result).isEmpty { integers = 1 }
    }

    /// Takes the registers for an argument. One that doesn't fit goes on the stack as a whole, and takes none.
    ///
    /// - Returns: whether it goes in registers.
    mutating func take(_ eightbytes: [Eightbyte]) -> Bool {
        let integers = self.integers + eightbytes.count { $0 == .integer }
        let floatingPoints = self.floatingPoints + eightbytes.count { $0 == .floatingPoint }
        guard !eightbytes.isEmpty, integers <= Self.integerCount,
            floatingPoints <= Self.floatingPointCount
        else { return false }
        (self.integers, self.floatingPoints) = (integers, floatingPoints)
        return true
    }

    /// A value's eightbytes; none: it goes in memory.
    static func eightbytes(of type: StoredType) -> [Eightbyte] {
        guard type.size <= largestStruct else { return [] }
        var eightbytes = [Eightbyte](repeating: .floatingPoint, count: (type.size + 7) / 8)
        mark(type, at: 0, in: &eightbytes)
        return eightbytes
    }

    /// Eight bytes with an integer among them are an integer. No value lies across two: all are aligned.
    private static func mark(_ type: StoredType, at offset: Int, in eightbytes: inout [Eightbyte]) {
        switch type {
        case .scalar(let scalar) where scalar.isFloatingPoint: break
        case .scalar, .enumeration, .string: eightbytes[offset / 8] = .integer
        case .structure(let layout):
            for field in layout.fields {
                mark(field.type, at: offset + field.offset, in: &eightbytes)
            }
        }
    }
}
