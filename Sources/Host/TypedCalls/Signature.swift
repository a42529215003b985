/// How a C function is called, as an author writes it: `(base: f64, exponent: f64) -> f64`.
///
/// `docs/typed-methods.md` has the grammar. A signature that parsed is consistent in itself: what its expressions name
/// is there and of the right kind.
package struct Signature: Sendable {
    /// As it was written.
    package let text: String
    /// In the order of the C function's arguments, hidden ones among them.
    package let parameters: [Parameter]
    package let result: Result

    /// The most parameters that a signature may have.
    package static let maximumParameters = 64

    /// Reads a signature.
    ///
    /// - Parameter types: what it may call by name.
    /// - Throws: ``SignatureError`` with the column, what was expected there and what came.
    package init(
        parsing text: String, types: NamedTypes = NamedTypes()
    ) throws(SignatureError) {
        var parser = try SignatureParser(text, types: types)
        (parameters, result) = try parser.signature()
        self.text = text
    }

    /// The parameters that a caller gives, in order.
    package var inputs: [Parameter] { parameters.filter(\.isInput) }

    /// What a response is made of, in order: the function's result first. None: an empty response; one: that value;
    /// more: a JSON object.
    package var outputs: [Output] {
        var outputs: [Output] = []
        if result.isShown {
            outputs.append(
                Output(name: "result", type: result.type!, isOptional: result.isOptional))
        }
        for parameter in parameters where parameter.isOutput {
            outputs.append(
                Output(
                    name: parameter.name ?? "result", type: parameter.type,
                    isOptional: parameter.isOptional))
        }
        return outputs
    }

    /// Whether it takes `self`, the replica's instance.
    package var takesInstance: Bool { parameters.contains { $0.role == .instance } }

    /// Whether it makes an instance: `out self`, or the result `self`.
    package var makesInstance: Bool {
        result.kind == .instance || parameters.contains { $0.role == .newInstance }
    }

    /// Whether it has the parameter `error`, which only plugins can fill in.
    package var takesError: Bool { parameters.contains { $0.role == .error } }

    package struct Output: Sendable {
        package let name: String
        package let type: ValueType
        package let isOptional: Bool
    }
}

extension Signature {
    package struct Parameter: Sendable {
        package enum Role: Sendable, Equatable {
            case value
            /// `self`: the replica's instance.
            case instance
            /// `out self`: where the function puts a new instance.
            case newInstance
            /// `error`: where a plugin's function says why it failed.
            case error
            /// `error string`: where a function puts the text of its error.
            case errorText
        }

        package enum Direction: Sendable, Equatable {
            case `in`
            case out
            case `inout`
        }

        /// nil: it can only be given by its position.
        package var name: String?
        package var role = Role.value
        package var direction = Direction.in
        package var type = ValueType.string
        /// `?`: may be left out, or null; C sees NULL.
        package var isOptional = false
        /// How a count goes to C.
        package var passing = Passing.natural
        /// `out(…)`: the number of elements that the function may write, or of rows and columns.
        package var capacity: [Expression] = []
        /// `= …`: computed, not given by the caller.
        package var value: Expression?
        /// `count(…)`: how many elements there are after the call, or rows and columns.
        package var count: [Expression] = []
        /// `free(…)`: what frees the memory that the function returned.
        package var release: Symbol?
        /// Whether a `count(…)` uses it: then it isn't part of the response.
        package var isCount = false

        /// Whether the caller gives it.
        package var isInput: Bool { role == .value && direction != .out && value == nil }
        /// Whether it is part of the response.
        package var isOutput: Bool {
            role == .value && direction != .in && value == nil && !isCount
        }
    }

    package struct Result: Sendable {
        package enum Kind: Sendable, Equatable {
            case void
            /// A `backplane_status_t`: the call fails unless it is OK.
            case status
            /// A new instance; NULL is a failure.
            case instance
            case value
        }

        package var kind = Kind.void
        package var type: ValueType?
        package var isOptional = false
        package var passing = Passing.natural
        package var check: Check?
        package var count: [Expression] = []
        package var release: Symbol?
        package var isCount = false

        /// Whether it is part of the response. A code that can only be one value says nothing.
        package var isShown: Bool { kind == .value && !isCount && check?.relation != .equal }
    }

    /// How a value goes to C.
    package enum Passing: Sendable, Equatable {
        /// By value; arrays as a pointer and, behind it, the count, a `size_t`.
        case natural
        /// The same with a count of another C type: `bytes(u32)`.
        case counted(Scalar)
        /// `*`: the pointer alone.
        case pointer
    }

    /// When a function's result means success: `check(>= 0, errno)`.
    package struct Check: Sendable {
        package enum Relation: String, Sendable, CaseIterable {
            case equal = "=="
            case notEqual = "!="
            case less = "<"
            case lessOrEqual = "<="
            case greater = ">"
            case greaterOrEqual = ">="
        }

        package var relation = Relation.equal
        package var bound: Int64 = 0
        /// Whether `errno` says why it failed.
        package var readsErrno = false
        /// What a failure is answered with, by gRPC's number.
        package var status: Int32 = 2
    }

    /// A function that a signature names, to be found in the library.
    package struct Symbol: Sendable, Hashable {
        package let name: String
        /// Where the name stands, from 1.
        package let column: Int
    }
}

/// A signature that can't be used.
package struct SignatureError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where, from 1, in characters of the signature or the type's text.
    package let column: Int
    /// What was expected and what came, and what to do; without the column.
    package let message: String

    package init(column: Int, _ message: String) {
        self.column = column
        self.message = message
    }

    package var description: String { "column \(column): \(message)" }
}
