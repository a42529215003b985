internal import HostLoader
internal import HostPlugins

/// A manifest for a library, to be read by somebody before it is used.
package struct ManifestDraft: Sendable {
    package let text: String

    init(_ symbols: ELFSymbols, _ declarations: CDeclarations, library: String, source: String) {
        let handle = Handle(declarations, among: Set(symbols.functions))
        var parts = Parts(source: source)
        for name in symbols.functions where !Self.isLinkersOwn(name) {
            guard let function = declarations.functions[name] else {
                parts.undeclared.append(name)
                continue
            }
            parts.add(function, declarations, handle)
        }
        text = parts.text(library: library, handle: handle)
    }

    /// What every library has, and nobody calls.
    private static func isLinkersOwn(_ name: String) -> Bool { ["_init", "_fini"].contains(name) }
}

extension ManifestDraft {
    /// The struct that some functions make, one frees, and most get a pointer to first: what a replica would own.
    struct Handle {
        /// Of the struct among the declarations.
        var key: String?
        var name = ""
        var constructors: Set<String> = []
        var destructors: Set<String> = []

        init(_ declarations: CDeclarations, among exported: Set<String>) {
            let functions = declarations.functions.values.filter { exported.contains($0.name) }
            var uses: [String: Int] = [:]
            for function in functions {
                if let key = Self.subject(of: function) { uses[key, default: 0] += 1 }
            }
            // By name where they are used alike, so that the same library makes the same draft.
            for (key, _) in uses.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                let makers = functions.filter { Self.subject(of: $0) != key && Self.makes($0, key) }
                let enders = functions.filter {
                    Self.subject(of: $0) == key && $0.parameters.count == 1 && Self.frees($0.name)
                }
                guard !makers.isEmpty, !enders.isEmpty else { continue }
                self.key = key
                name = declarations.structures[key]?.name ?? key
                constructors = Set(makers.map(\.name))
                destructors = Set(enders.map(\.name))
                return
            }
        }

        /// The struct that a function's first parameter points to.
        private static func subject(of function: CFunction) -> String? {
            if case .pointer(.structure(let key), _)? = function.parameters.first?.type {
                return key
            }
            return nil
        }

        /// Whether it makes such a struct, and takes none.
        private static func makes(_ function: CFunction, _ key: String) -> Bool {
            let takesOne = function.parameters.contains { parameter in
                if case .pointer(.structure(key), _) = parameter.type { true } else { false }
            }
            guard !takesOne else { return false }
            if case .pointer(.structure(key), _) = function.result { return true }
            return function.parameters.contains { parameter in
                if case .pointer(.pointer(.structure(key), _), _) = parameter.type {
                    true
                } else {
                    false
                }
            }
        }

        /// Whether the name's last word says so, a version behind it apart: `sqlite3_close_v2`, `XML_ParserFree`.
        private static func frees(_ name: String) -> Bool {
            var words = name.split(separator: "_")
            if let last = words.last, last.first == "v", last.dropFirst().allSatisfy(\.isNumber) {
                words.removeLast()
            }
            let last = (words.last ?? "").lowercased()
            return ["close", "free", "destroy", "delete", "release", "finish", "finalize", "end"]
                .contains { last.hasSuffix($0) }
        }
    }

    /// The lines of the draft, by what is to be done with them.
    private struct Parts {
        let source: String
        var undeclared: [String] = []
        private var certain: [String] = []
        private var likely: [String] = []
        private var constructors: [String] = []
        private var destructors: [String] = []
        private var impossible: [String] = []
        private var types = DraftedTypes()
        private var count = 0

        init(source: String) {
            self.source = source
        }

        mutating func add(
            _ function: CFunction, _ declarations: CDeclarations, _ handle: Handle
        ) {
            count += 1
            let name = function.name
            let draft = SignatureDraft.of(
                function, declarations, handle: handle.key, types: &types)
            switch draft {
            case .impossible(let reason): impossible.append("#   \(name): \(reason)")
            case .certain(let signature): certain.append("  \(name): \(Self.quoted(signature))")
            case .likely(let signature, let assumptions, _)
            where handle.destructors.contains(name):
                destructors.append(
                    "#destructor: \(Self.quoted(name + signature))\(Self.remark(assumptions))")
            case .likely(let signature, let assumptions, _)
            where handle.constructors.contains(name):
                constructors.append(
                    "#constructor: \(Self.quoted(name + signature))\(Self.remark(assumptions))")
            case .likely(let signature, let assumptions, let conditions):
                let remark = Self.remark(assumptions + conditions)
                likely.append("  #\(name): \(Self.quoted(signature))\(remark)")
            }
        }

        private static func remark(_ reasons: [String]) -> String {
            reasons.isEmpty ? "" : "  # \(reasons.joined(separator: "; "))"
        }

        /// In single quotes, in which YAML has one sign to double.
        private static func quoted(_ text: String) -> String {
            "'\(text.replacing("'", with: "''"))'"
        }

        func text(library: String, handle: Handle) -> String {
            var lines = [
                "# Drafted by `backplane inspect` from \(source): \(certain.count) of "
                    + "\(count + undeclared.count) functions are certain.",
                "# Read it before it is served: a signature that is wrong crashes the process, and so may a call.",
                "library: \(Self.quoted(library))",
            ]
            if !types.declarations.isEmpty {
                lines.append("types:")
                lines += types.declarations.map { "  \($0.name): \(Self.quoted($0.text))" }
            }
            if !constructors.isEmpty, !destructors.isEmpty {
                lines += [
                    "",
                    "# A replica may own what the library calls \(handle.name): `self` below. Uncomment one of",
                    "# each, after reading how the library wants them called.",
                ]
                lines += constructors + destructors
            }
            lines += ["", "methods:"] + certain
            if !likely.isEmpty {
                lines += [
                    "",
                    "  # Likely: uncomment what the library's documentation confirms. Clients can send any",
                    "  # number of a type, and any text.",
                ]
                lines += likely
            }
            if !impossible.isEmpty {
                lines += ["", "# What a signature can't say, or nobody should call:"] + impossible
            }
            if !undeclared.isEmpty {
                lines += ["", "# Exported, and not to be found in \(source):"]
                lines += Self.filled(undeclared)
            }
            return lines.joined(separator: "\n")
        }

        /// Names in lines of a comment, as many as fit.
        private static func filled(_ names: [String]) -> [String] {
            var lines: [String] = []
            for name in names {
                if let last = lines.last, last.count + name.count < 100 {
                    lines[lines.count - 1] += " \(name)"
                } else {
                    lines.append("#   \(name)")
                }
            }
            return lines
        }
    }
}
