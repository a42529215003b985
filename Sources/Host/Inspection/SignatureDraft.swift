internal import HostTypedCalls

/// What can be said of a C function in a signature.
///
/// A type alone doesn't say all: whether `double *` is one number or many, whether it is read or written, who frees a
/// text, and whether every `int` is a good one. What is certain is drafted (``Certainty``); what is likely is drafted
/// for somebody to confirm, because a signature that is wrong, or a call that is, crashes the process.
enum SignatureDraft: Sendable, Equatable {
    case certain(String)
    /// - Parameters:
    ///   - signature: what is likely.
    ///   - assumptions: what must hold for the signature.
    ///   - conditions: what must hold for anybody to be let call it.
    case likely(String, assumptions: [String], conditions: [String])
    case impossible(String)

    static func of(
        _ function: CFunction, _ declarations: CDeclarations, handle: String?,
        types: inout DraftedTypes
    ) -> SignatureDraft {
        let certainty = Certainty(function: function, declarations: declarations, handle: handle)
        if let danger = certainty.danger { return .impossible(danger) }
        var writer = Writer(declarations, handle: handle, types: types)
        let text: String
        do throws(Obstacle) {
            text = try writer.signature(of: function)
        } catch {
            return .impossible(error.reason)
        }
        do throws(SignatureError) {
            // The grammar has the last word.
            _ = try Signature(parsing: text, types: writer.types.named)
        } catch {
            return .impossible(error.message)
        }
        types = writer.types
        let conditions = certainty.conditions
        let isCertain =
            writer.assumptions.isEmpty && conditions.isEmpty && !certainty.takesHandle
        return isCertain
            ? .certain(text)
            : .likely(text, assumptions: writer.assumptions, conditions: conditions)
    }
}

/// Why a function has no signature.
private struct Obstacle: Error {
    let reason: String
}

private struct Writer {
    let declarations: CDeclarations
    /// The key of the struct that an instance is.
    let handle: String?
    var types: DraftedTypes
    var assumptions: [String] = []

    init(_ declarations: CDeclarations, handle: String?, types: DraftedTypes) {
        self.declarations = declarations
        self.handle = handle
        self.types = types
    }

    mutating func signature(of function: CFunction) throws(Obstacle) -> String {
        guard !function.takesMore else {
            throw Obstacle(reason: "takes a varying number of arguments")
        }
        guard !function.hasNoPrototype else {
            throw Obstacle(reason: "is declared without its parameters")
        }
        let names = ParameterNames(function.parameters)
        var parameters: [String] = []
        var index = 0
        while index < function.parameters.count {
            let parameter = function.parameters[index]
            let next =
                index + 1 < function.parameters.count ? function.parameters[index + 1] : nil
            if let counted = try counted(parameter, next, names.texts[index]) {
                parameters.append(counted)
                index += 2
            } else {
                parameters.append(try single(parameter, names.texts[index]))
                index += 1
            }
        }
        var result = try result(of: function)
        if parameters.contains("self"), result == "self" || parameters.contains("out self") {
            throw Obstacle(reason: "takes one handle and makes another")
        }
        if parameters.contains("out self"), result == "i32" {
            result = "i32 check(== 0)"
            assumptions.append("0 is success")
        }
        return "(\(parameters.joined(separator: ", ")))" + (result.map { " -> \($0)" } ?? "")
    }

    // MARK: Parameters

    /// A pointer and the number of elements behind it.
    private mutating func counted(
        _ parameter: CFunction.Parameter, _ next: CFunction.Parameter?, _ name: String?
    ) throws(Obstacle) -> String? {
        guard case .pointer(let element, true) = parameter.type, let next,
            let count = Self.countType(next.type), Self.isCount(next, type: count)
        else { return nil }
        let type: String
        switch element {
        case .void, .character, .integer(bits: 8, isSigned: false): type = "bytes"
        case .integer, .floating, .size: type = "[\(try value(element))]"
        default: return nil
        }
        let first = name ?? "a pointer"
        let second = ParameterNames.text(next) ?? "the number behind it"
        assumptions.append("\(second) is the number of elements at \(first)")
        return Self.named(name, type + (count == "size" ? "" : "(\(count))"))
    }

    private static func isCount(_ parameter: CFunction.Parameter, type: String) -> Bool {
        guard let name = parameter.name?.lowercased() else { return type == "size" }
        return type == "size"
            || ["len", "size", "count", "num", "bytes"].contains { name.contains($0) }
            || ["n", "nbyte", "nitems", "nmemb"].contains(name)
    }

    private static func countType(_ type: CType) -> String? {
        switch type {
        case .size: "size"
        case .integer(let bits, let isSigned) where bits >= 32: "\(isSigned ? "i" : "u")\(bits)"
        default: nil
        }
    }

    private mutating func single(
        _ parameter: CFunction.Parameter, _ name: String?
    ) throws(Obstacle) -> String {
        let what = name ?? "a parameter"
        switch parameter.type {
        case .pointer(.structure(let key), _) where key == handle: return "self"
        case .pointer(.pointer(.structure(let key), _), _) where key == handle:
            assumptions.append("\(what) is where the new \(structureName(key)) is put")
            return "out self"
        case .pointer(.character, isConstant: true): return Self.named(name, "string")
        case .pointer(.void, _), .pointer(.character, _), .pointer(.pointer, _):
            throw Obstacle(reason: "\(what) points to something that its type doesn't describe")
        case .pointer(.function, _), .function: throw Obstacle(reason: "\(what) is a callback")
        case .pointer(.structure(let key), let isConstant):
            let type = try structure(key, what)
            if isConstant { return Self.named(name, "*\(type)") }
            assumptions.append("\(what) is one struct, which is read and written")
            return Self.named(name, "inout \(type)")
        case .pointer(.integer(bits: 8, _), let isConstant):
            throw Obstacle(
                reason: "\(what) is a buffer, and its type doesn't say how large: "
                    + (isConstant ? "see bytes" : "see out(...) bytes"))
        case .pointer(let target, let isConstant):
            let type = try value(target, what)
            assumptions.append(
                "\(what) is one number, which is " + (isConstant ? "read" : "written and not read"))
            return Self.named(name, (isConstant ? "*" : "out ") + type)
        default: return Self.named(name, try value(parameter.type, what))
        }
    }

    private static func named(_ name: String?, _ type: String) -> String {
        name.map { "\($0): \(type)" } ?? type
    }

    // MARK: Results

    private mutating func result(of function: CFunction) throws(Obstacle) -> String? {
        switch function.result {
        case .void: return nil
        case .pointer(.character, let isConstant):
            if !isConstant {
                assumptions.append("the caller need not free the text: if so, add free(function)")
            }
            return "string?"
        case .pointer(.structure(let key), _) where key == handle:
            assumptions.append("it makes a new \(structureName(key))")
            return "self"
        case .pointer: throw Obstacle(reason: "returns a pointer")
        default: return try value(function.result, "its result")
        }
    }

    // MARK: Types

    /// `char`, which is unsigned on ARM.
    #if arch(arm64)
    private static let character = "u8"
    #else
    private static let character = "i8"
    #endif

    private mutating func value(_ type: CType, _ what: String = "it") throws(Obstacle) -> String {
        switch type {
        case .bool: return "bool"
        case .character: return Self.character
        case .integer(let bits, let isSigned): return "\(isSigned ? "i" : "u")\(bits)"
        case .size: return "size"
        case .floating(let bits): return "f\(bits)"
        case .enumeration(let key): return try enumeration(key)
        case .structure(let key): return try structure(key, what)
        case .union(let name): throw Obstacle(reason: "\(what) is a union (\(name))")
        case .function: throw Obstacle(reason: "\(what) is a callback")
        case .array: throw Obstacle(reason: "\(what) holds an array")
        case .pointer: throw Obstacle(reason: "\(what) holds a pointer")
        case .void: throw Obstacle(reason: "\(what) has no type")
        case .other(let text):
            throw Obstacle(reason: "\(what) is of the type \(text), which JSON has not")
        }
    }

    private mutating func enumeration(_ key: String) throws(Obstacle) -> String {
        guard let enumeration = declarations.enumerations[key] else {
            throw Obstacle(reason: "\(key) is not declared")
        }
        let cases = enumeration.constants.map { "\($0.name) = \($0.value)" }
        return try types.name(enumeration.name, "enum {\(cases.joined(separator: ", "))}")
    }

    private mutating func structure(_ key: String, _ what: String) throws(Obstacle) -> String {
        let name = structureName(key)
        guard let structure = declarations.structures[key], let fields = structure.fields else {
            throw Obstacle(
                reason: "\(what) is a handle (\(name)), and not the one that a replica has")
        }
        if let obstacle = structure.obstacle {
            throw Obstacle(reason: "\(what) is a \(name), and \(obstacle)")
        }
        guard !fields.isEmpty else {
            throw Obstacle(reason: "\(what) is a \(name), which is empty")
        }
        var texts: [String] = []
        for field in fields {
            texts.append(
                "\(field.name): \(try value(field.type, "\(field.name) of \(name)"))")
        }
        return try types.name(structure.name, "{\(texts.joined(separator: ", "))}")
    }

    private func structureName(_ key: String) -> String {
        let name = declarations.structures[key]?.name ?? ""
        return name.isEmpty ? key : name
    }
}

/// What the parameters of a function are called, without the underscores that keep a header's names out of the way.
struct ParameterNames {
    private(set) var texts: [String?] = []

    init(_ parameters: [CFunction.Parameter]) {
        for parameter in parameters {
            let name = Self.text(parameter)
            texts.append(texts.contains(name) ? nil : name)
        }
    }

    static func text(_ parameter: CFunction.Parameter) -> String? {
        guard let name = parameter.name.map({ String($0.drop { $0 == "_" }) }), !name.isEmpty
        else { return nil }
        return name
    }
}

/// The structs and enums that the drafted signatures call by name.
struct DraftedTypes {
    private(set) var named = NamedTypes()
    /// In the order in which they must be declared.
    private(set) var declarations: [(name: String, text: String)] = []

    /// - Returns: what a signature may say for the type: its name, or the type in full where it can't have that name.
    fileprivate mutating func name(
        _ name: String, _ text: String
    ) throws(Obstacle) -> String {
        if let known = declarations.first(where: { $0.name == name }) {
            return known.text == text ? name : text
        }
        do throws(SignatureError) {
            try named.declare(name, as: text)
        } catch {
            guard error.column == 0 else { throw Obstacle(reason: "\(name): \(error.message)") }
            return text
        }
        declarations.append((name, text))
        return name
    }
}
