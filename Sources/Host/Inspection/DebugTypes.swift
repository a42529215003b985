/// Makes declarations of debug entries.
struct DebugTypes {
    private let entries: [Int: DebugEntries.Entry]

    init(_ entries: [Int: DebugEntries.Entry]) {
        self.entries = entries
    }

    func declarations(of functions: Set<String>) -> CDeclarations {
        var declarations = CDeclarations()
        // In the file's order, so that the same file makes the same draft.
        for (offset, entry) in entries.sorted(by: { $0.key < $1.key })
        where entry.tag == "subprogram" {
            guard let name = member("linkage_name", of: offset) ?? member("name", of: offset),
                functions.contains(name), entry.members["declaration"] == nil,
                member("external", of: offset) != nil
            else { continue }
            if declarations.functions[name] == nil {
                declarations.functions[name] = function(name, offset, &declarations)
            }
        }
        return declarations
    }

    /// A member of an entry, or of the one that it completes.
    private func member(_ name: Substring, of offset: Int, depth: Int = 0) -> String? {
        guard let entry = entries[offset], depth < 4 else { return nil }
        if let value = entry.members[name] { return value }
        for reference in ["abstract_origin", "specification"] as [Substring] {
            if let other = Self.offset(entry.members[reference]) {
                return member(name, of: other, depth: depth + 1)
            }
        }
        return nil
    }

    private static func offset(_ text: String?) -> Int? {
        guard let text, text.hasPrefix("0x") else { return nil }
        return Int(text.dropFirst(2), radix: 16)
    }

    private func function(
        _ name: String, _ offset: Int, _ declarations: inout CDeclarations
    ) -> CFunction {
        let children = entries[offset]?.children ?? []
        var function = CFunction(name: name, parameters: [], result: .void)
        for child in children {
            switch entries[child]?.tag {
            case "formal_parameter":
                function.parameters.append(
                    .init(name: member("name", of: child), type: type(of: child, &declarations)))
            case "unspecified_parameters": function.takesMore = true
            default: break
            }
        }
        if member("type", of: offset) != nil { function.result = type(of: offset, &declarations) }
        // C++ and Fortran don't say "prototyped", and have nothing else.
        function.hasNoPrototype =
            function.parameters.isEmpty && function.takesMore
            && member("prototyped", of: offset) == nil
        function.doesNotReturn = member("noreturn", of: offset) != nil
        return function
    }

    // MARK: Types

    private func type(of offset: Int, _ declarations: inout CDeclarations) -> CType {
        guard let target = Self.offset(member("type", of: offset)) else { return .void }
        return type(at: target, &declarations, depth: 0).type
    }

    /// - Returns: the type, and whether it is `const`.
    private func type(
        at offset: Int, _ declarations: inout CDeclarations, depth: Int
    ) -> (type: CType, isConstant: Bool) {
        guard let entry = entries[offset], depth < 64 else {
            return (.other("a type that its debug information doesn't describe"), false)
        }
        let name = entry.members["name"]
        func inner() -> (type: CType, isConstant: Bool) {
            guard let target = Self.offset(entry.members["type"]) else { return (.void, false) }
            return type(at: target, &declarations, depth: depth + 1)
        }
        switch entry.tag {
        case "base_type": return (Self.basicType(entry), false)
        case "typedef":
            return name == "size_t" ? (.size, false) : named(name, inner(), &declarations)
        case "const_type": return (inner().type, true)
        case "volatile_type", "restrict_type", "atomic_type": return inner()
        case "pointer_type":
            let target = inner()
            return (.pointer(to: target.type, isConstant: target.isConstant), false)
        case "array_type":
            return (.array(of: inner().type, count: count(of: entry)), false)
        case "subroutine_type": return (.function, false)
        case "structure_type", "class_type":
            return (structure(entry, offset, &declarations, depth), false)
        case "union_type": return (.union("union \(name ?? "without a name")"), false)
        case "enumeration_type": return (enumeration(entry, offset, &declarations), false)
        default: return (.other(name ?? entry.tag), false)
        }
    }

    /// A struct or enum without a name of its own is called as the first typedef calls it.
    private func named(
        _ name: String?, _ type: (type: CType, isConstant: Bool),
        _ declarations: inout CDeclarations
    ) -> (type: CType, isConstant: Bool) {
        switch type.type {
        case .structure(let key) where declarations.structures[key]?.name.isEmpty == true:
            declarations.structures[key]?.name = name ?? ""
        case .enumeration(let key) where declarations.enumerations[key]?.name.isEmpty == true:
            declarations.enumerations[key]?.name = name ?? ""
        default: break
        }
        return type
    }

    private func count(of entry: DebugEntries.Entry) -> Int? {
        guard let range = entry.children.first.flatMap({ entries[$0] }), entry.children.count == 1
        else { return nil }
        if let count = range.members["count"].flatMap(Int.init) { return count }
        return range.members["upper_bound"].flatMap(Int.init).map { $0 + 1 }
    }

    /// Source: DWARF 5, table 7.11, for the encodings.
    private static func basicType(_ entry: DebugEntries.Entry) -> CType {
        let bits = (entry.members["byte_size"].flatMap(Int.init) ?? 0) * 8
        let name = entry.members["name"] ?? "a type without a name"
        return switch entry.members["encoding"] {
        case "2" where bits == 8: .bool
        case "4" where bits == 32 || bits == 64: .floating(bits: bits)
        case _ where bits == 8 && name == "char": .character
        case "5", "6": bits <= 64 ? .integer(bits: bits, isSigned: true) : .other(name)
        case "7", "8": bits <= 64 ? .integer(bits: bits, isSigned: false) : .other(name)
        default: .other(name)
        }
    }

    private func structure(
        _ entry: DebugEntries.Entry, _ offset: Int, _ declarations: inout CDeclarations,
        _ depth: Int
    ) -> CType {
        // Each compilation unit has its own entry of a struct with a name.
        let key = "struct \(entry.members["name"] ?? String(offset))"
        let isDefined = entry.members["declaration"] == nil
        if let known = declarations.structures[key], known.fields != nil || !isDefined {
            return .structure(key)
        }
        var structure = CStructure(name: entry.members["name"] ?? "", fields: nil)
        // Before its fields are looked at: one may point to the struct.
        structure.fields = isDefined ? [] : nil
        declarations.structures[key] = structure
        guard isDefined else { return .structure(key) }
        for child in entry.children where entries[child]?.tag == "member" {
            let field = entries[child]!
            if field.members["bit_size"] != nil { structure.obstacle = "it has bit fields" }
            guard let name = field.members["name"] else {
                structure.obstacle = "it has a part without a name"
                continue
            }
            guard let target = Self.offset(field.members["type"]) else { continue }
            let fieldType = type(at: target, &declarations, depth: depth + 1).type
            let place = field.members["data_member_location"].flatMap(Int.init) ?? 0
            if let alignment = fieldType.alignment, place % alignment != 0 {
                structure.obstacle = "its layout is not C's own"
            }
            structure.fields?.append(.init(name: name, type: fieldType))
        }
        declarations.structures[key] = structure
        return .structure(key)
    }

    private func enumeration(
        _ entry: DebugEntries.Entry, _ offset: Int, _ declarations: inout CDeclarations
    ) -> CType {
        let key = "enum \(entry.members["name"] ?? String(offset))"
        let constants = entry.children.compactMap { child -> CEnumeration.Constant? in
            guard let constant = entries[child], let name = constant.members["name"],
                let value = constant.members["const_value"].flatMap(Int64.init)
            else { return nil }
            return .init(name: name, value: value)
        }
        let size = entry.members["byte_size"].flatMap(Int.init) ?? 4
        // A C++ enum may be of any size; the names of one that isn't an int are left out.
        guard !constants.isEmpty, size == 4 else {
            return .integer(bits: size * 8, isSigned: true)
        }
        let name = declarations.enumerations[key]?.name ?? entry.members["name"] ?? ""
        declarations.enumerations[key] = CEnumeration(name: name, constants: constants)
        return .enumeration(key)
    }
}
