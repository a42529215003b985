/// Something that an expression names, with what it must be.
struct SignatureReference {
    enum Kind: Equatable {
        /// `count(x)`, `rows(x)`, `columns(x)`.
        case count
        case rows
        case columns
        case capacity
        /// The parameter's own value.
        case value
        case result
    }

    /// When an expression is computed, which says what is known by then.
    enum Moment {
        /// The arguments have been read.
        case capacity
        /// And the capacities are known.
        case value
        /// The function has returned.
        case after
    }

    var kind: Kind
    var moment: Moment
    var name: String
    /// The parameter's; -1 for the result.
    var index: Int
    var column: Int
}
