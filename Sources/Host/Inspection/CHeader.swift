internal import Foundation

/// What a C header declares, as Clang understands it: macros, conditions and included files are its business.
struct CHeader {
    let declarations: CDeclarations

    /// Runs Clang over the header. Blocks.
    ///
    /// - Parameters:
    ///   - header: a file, or a name for the include path such as `zlib.h`.
    ///   - options: more for Clang, such as `-I` and `-D`.
    /// - Throws: ``InspectionError`` when there is no Clang, or it can't read the header.
    init(_ header: String, options: [String]) throws(InspectionError) {
        let clang = try CompilerTool(
            oneOf: ["clang"] + (14...24).reversed().map { "clang-\($0)" },
            advice:
                "install clang (Debian: apt install clang), or put the Swift toolchain's on the PATH"
        )
        let isFile = FileManager.default.fileExists(atPath: header)
        let name = isFile ? "\"\(URL(fileURLWithPath: header).path)\"" : "<\(header)>"
        var text = Data()
        try clang.run(
            ["-x", "c", "-w", "-fsyntax-only", "-Xclang", "-ast-dump=json"] + options + ["-"],
            input: "#include \(name)\n"
        ) { text.append($0) }
        do {
            let tree = try JSONDecoder().decode(ClangSyntaxTree.self, from: text)
            declarations = Reader(tree).declarations
        } catch {
            throw InspectionError("cannot read what \(clang.path) printed: \(error)")
        }
    }

    /// Reads the tree from the top: C declares what it uses before it uses it.
    private struct Reader {
        var declarations = CDeclarations()
        private var typedefs: [String: CType] = [:]
        /// By the node's id: the key of a struct, union or enum.
        private var keys: [String: String] = [:]

        init(_ tree: ClangSyntaxTree) {
            for node in tree.inner ?? [] { read(node) }
        }

        private mutating func read(_ node: ClangSyntaxTree) {
            switch node.kind {
            case "TypedefDecl": readTypedef(node)
            case "RecordDecl": readRecord(node)
            case "EnumDecl": readEnumeration(node)
            case "FunctionDecl": readFunction(node)
            default: break
            }
        }

        private func type(_ text: String) -> CType {
            let (typedefs, declarations) = (typedefs, declarations)
            return CTypeText.type(text) { Self.named($0, typedefs, declarations) }
        }

        private static func named(
            _ text: String, _ typedefs: [String: CType], _ declarations: CDeclarations
        ) -> CType? {
            if let type = typedefs[text] { return type }
            if text.hasPrefix("union ") { return .union(text) }
            if text.hasPrefix("enum ") {
                return declarations.enumerations[text] == nil ? nil : .enumeration(text)
            }
            return text.hasPrefix("struct ") && !text.hasPrefix("struct unnamed")
                ? .structure(text) : nil
        }

        private mutating func readTypedef(_ node: ClangSyntaxTree) {
            guard let name = node.name, let text = node.type?.qualType else { return }
            // `typedef struct {...} name;`: the struct has no name but this one.
            if let owned = node.inner?.first?.ownedTagDecl, (owned.name ?? "").isEmpty,
                let key = keys[owned.id]
            {
                typedefs[name] = rename(key, to: name)
                return
            }
            if name != "size_t" { typedefs[name] = type(text) }
        }

        /// - Returns: the type that the name stands for.
        private mutating func rename(_ key: String, to name: String) -> CType {
            if declarations.enumerations[key] != nil {
                declarations.enumerations[key]?.name = name
                return .enumeration(key)
            }
            guard declarations.structures[key] != nil else { return .union(name) }
            declarations.structures[key]?.name = name
            return .structure(key)
        }

        private func key(of node: ClangSyntaxTree, _ kind: String) -> String {
            "\(kind) \(node.name ?? node.id ?? "")"
        }

        private mutating func readRecord(_ node: ClangSyntaxTree) {
            let kind = node.tagUsed ?? "struct"
            let key = key(of: node, kind)
            if let id = node.id { keys[id] = key }
            guard kind == "struct" else { return }
            var structure = CStructure(name: node.name ?? "", fields: nil)
            if node.completeDefinition == true {
                var fields: [CStructure.Field] = []
                for member in node.inner ?? [] {
                    switch member.kind {
                    case "FieldDecl":
                        let fieldType = type(member.type?.qualType ?? "")
                        fields.append(.init(name: member.name ?? "", type: fieldType))
                        if member.isBitfield == true { structure.obstacle = "it has bit fields" }
                    case "RecordDecl" where member.name == nil:
                        structure.obstacle = "it has a part without a name"
                    case "PackedAttr", "AlignedAttr", "MaxFieldAlignmentAttr":
                        structure.obstacle = "its layout is not C's own"
                    default: break
                    }
                }
                structure.fields = fields
            }
            // A declaration after the definition takes nothing away.
            if structure.fields != nil || declarations.structures[key] == nil {
                declarations.structures[key] = structure
            }
        }

        private mutating func readEnumeration(_ node: ClangSyntaxTree) {
            let key = key(of: node, "enum")
            if let id = node.id { keys[id] = key }
            var constants: [CEnumeration.Constant] = []
            var next: Int64 = 0
            for constant in node.inner ?? [] where constant.kind == "EnumConstantDecl" {
                if let text = Self.value(of: constant), let value = Int64(text) { next = value }
                constants.append(.init(name: constant.name ?? "", value: next))
                next &+= 1
            }
            guard !constants.isEmpty else { return }
            declarations.enumerations[key] = CEnumeration(
                name: node.name ?? "", constants: constants)
        }

        private static func value(of node: ClangSyntaxTree) -> String? {
            for inner in node.inner ?? [] {
                if inner.kind == "ConstantExpr", let text = inner.value?.text { return text }
                if let text = value(of: inner) { return text }
            }
            return nil
        }

        private mutating func readFunction(_ node: ClangSyntaxTree) {
            guard let name = node.name, let text = node.type?.qualType,
                node.storageClass != "static"
            else { return }
            let (typedefs, known) = (typedefs, declarations)
            let shape = CTypeText.function(text) { Self.named($0, typedefs, known) }
            let parameters = (node.inner ?? []).filter { $0.kind == "ParmVarDecl" }.map {
                CFunction.Parameter(name: $0.name, type: type($0.type?.qualType ?? ""))
            }
            let before = declarations.functions[name]
            // One declaration of several may say it.
            let doesNotReturn =
                before?.doesNotReturn == true || text.contains("noreturn")
                || (node.inner ?? []).contains { $0.kind?.contains("NoReturn") == true }
            let function = CFunction(
                name: name, parameters: parameters, result: shape.result,
                takesMore: shape.takesMore, hasNoPrototype: shape.hasNoPrototype)
            // Clang knows C's own functions without the names of their parameters; the header may know more.
            if before.map({ $0.names <= function.names }) ?? true {
                declarations.functions[name] = function
            }
            declarations.functions[name]?.doesNotReturn = doesNotReturn
        }
    }
}

extension CFunction {
    /// How many of its parameters have a name.
    fileprivate var names: Int { parameters.count { $0.name != nil } }
}
