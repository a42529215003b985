/// What a hidden argument is, or how many elements there are. Parameters stand in it by their index.
package indirect enum Expression: Sendable, Hashable {
    case integer(magnitude: UInt64, isNegative: Bool)
    case decimal(Double)
    case text(String)
    case boolean(Bool)
    case null
    /// A name out of the parameter's own enumeration.
    case enumerator(Int64)
    /// How many elements an array has, or bytes.
    case count(Int)
    case rows(Int)
    case columns(Int)
    /// How many elements an `out(…)` has room for.
    case capacity(Int)
    /// An integer parameter: before the call what goes in, after it what came out.
    case parameter(Int)
    /// What the function returned.
    case result
    /// A C function of the library that takes `size_t`s and returns one.
    case function(Signature.Symbol, [Expression])
    case sum(Expression, Expression)
    case difference(Expression, Expression)
    case product(Expression, Expression)
    /// All of them, which must be the same: `rows(a) == count(x)`.
    case equal([Expression])
}
