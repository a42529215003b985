/// A type of C, as far as a manifest may have to do with it: typedefs are resolved, qualifiers stand where something
/// is pointed to.
indirect enum CType: Sendable, Equatable {
    case void
    case bool
    /// `char`, of which texts are made.
    case character
    case integer(bits: Int, isSigned: Bool)
    /// `size_t`.
    case size
    /// `float` and `double`.
    case floating(bits: Int)
    case pointer(to: CType, isConstant: Bool)
    case array(of: CType, count: Int?)
    /// By its key among the declarations.
    case structure(String)
    case enumeration(String)
    case union(String)
    case function
    /// What no signature can say, and how C spells it.
    case other(String)

    /// In bytes; nil: it depends on other types.
    var alignment: Int? {
        switch self {
        case .bool, .character: 1
        case .integer(let bits, _), .floating(let bits): bits / 8
        case .size, .pointer: 8
        default: nil
        }
    }
}

struct CStructure: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        var name: String
        var type: CType
    }

    /// As a manifest may call it.
    var name: String
    /// nil: it is declared and not defined, as handles are.
    var fields: [Field]?
    /// Such as "it has bit fields"; nil: the fields say all.
    var obstacle: String?
}

struct CEnumeration: Sendable, Equatable {
    struct Constant: Sendable, Equatable {
        var name: String
        var value: Int64
    }

    var name: String
    var constants: [Constant]
}

struct CFunction: Sendable, Equatable {
    struct Parameter: Sendable, Equatable {
        var name: String?
        var type: CType
    }

    var name: String
    var parameters: [Parameter]
    var result: CType
    var takesMore = false
    /// `int f()`, which says nothing of its parameters.
    var hasNoPrototype = false
    /// It is declared as one that never returns.
    var doesNotReturn = false
}

/// What a header or debug information says of a library.
struct CDeclarations: Sendable {
    var functions: [String: CFunction] = [:]
    var structures: [String: CStructure] = [:]
    var enumerations: [String: CEnumeration] = [:]
}
