internal import HostForms
internal import HostPlugins
internal import HostTypedCalls

extension LibraryBindingText {
    /// The library with its signatures understood; nil when the manifest names none.
    ///
    /// - Throws: ``ConfigurationError`` with the place at fault.
    func adoption(_ root: ConfigurationPath) throws(ConfigurationError) -> LibraryBinding? {
        guard let library else {
            if let orphan = orphan { throw orphan }
            return nil
        }
        guard let methods else {
            throw ConfigurationError(
                .missingKey, at: library.position, root.appending("methods"),
                "methods is missing: name the library's functions that are to be served")
        }
        let types = try namedTypes()
        var adoption = LibraryBinding(
            library: library.text, place: library.position?.place, isReentrant: isReentrant ?? false
        )
        adoption.types = (self.types ?? []).map { "\($0.name): \($0.value.text)" }
        if let constructor {
            adoption.constructor = try constructor.parsed(types) { signature in
                signature.makesInstance
                    ? nil : "makes no self: give it out self, or the result self"
            }
        }
        if let destructor {
            adoption.destructor = try destructor.parsed(types) { signature in
                signature.takesInstance && signature.inputs.isEmpty
                    ? nil : "frees no self: its only argument is self"
            }
            guard constructor != nil else {
                throw ConfigurationError(
                    .conflict, at: destructor.position, destructor.path,
                    "destructor has nothing to free: there is no constructor")
            }
        }
        for entry in methods {
            let hasInstance = constructor != nil
            let function = try entry.value.function.parsed(types, name: entry.name) { signature in
                if signature.makesInstance { return "makes a self: only a constructor does" }
                return signature.takesInstance && !hasInstance
                    ? "takes self, and there is no constructor" : nil
            }
            var method = LibraryBinding.Method(
                name: entry.name, description: entry.value.description ?? "",
                isInline: entry.value.isInline ?? false, function: function)
            method.isReentrant = entry.value.isReentrant
            method.isIdempotent = entry.value.isIdempotent ?? false
            adoption.methods.append(method)
        }
        return adoption
    }

    /// A key that means nothing without `library`.
    private var orphan: ConfigurationError? {
        let position =
            constructor?.position ?? destructor?.position ?? methods?.first?.position
            ?? types?.first?.position
        let name: String? =
            constructor != nil
            ? "constructor"
            : destructor != nil
                ? "destructor"
                : methods != nil
                    ? "methods"
                    : types != nil ? "types" : isReentrant != nil ? "reentrant" : nil
        guard let name else { return nil }
        return ConfigurationError(
            .conflict, at: position, ConfigurationPath.root.appending(name),
            "\(name) is for a library that knows nothing of Backplane: name it with library")
    }

    private func namedTypes() throws(ConfigurationError) -> NamedTypes {
        var named = NamedTypes()
        for entry in types ?? [] {
            do throws(SignatureError) {
                try named.declare(entry.name, as: entry.value.text)
            } catch {
                guard error.column > 0 else {
                    throw ConfigurationError(
                        .wrongValue, at: entry.position, entry.value.path, error.message)
                }
                throw entry.value.refused(error, after: 0)
            }
        }
        return named
    }
}

extension LibraryBindingText.Function {
    /// - Parameters:
    ///   - name: the C function's, unless the text begins with one.
    ///   - problem: what is wrong with a signature that is right by itself.
    fileprivate func parsed(
        _ types: NamedTypes, name: String? = nil, _ problem: (Signature) -> String?
    ) throws(ConfigurationError) -> LibraryBinding.Function {
        let prefix = text.prefix { $0 != "(" }
        let written = prefix.trimming { $0 == " " }
        guard let symbol = written.isEmpty ? name : String(written) else {
            throw ConfigurationError(
                .wrongValue, at: position, path,
                "\(path) has no function: write its name in front of the parenthesis")
        }
        let signature: Signature
        do throws(SignatureError) {
            signature = try Signature(
                // A folded text ends with a line break.
                parsing: String(text.dropFirst(prefix.count).trimming(\.isWhitespace)), types: types
            )
        } catch {
            throw refused(error, after: prefix.unicodeScalars.count)
        }
        if let problem = problem(signature) ?? Self.problem(signature) {
            throw ConfigurationError(.wrongValue, at: position, path, "\(path) \(problem)")
        }
        return LibraryBinding.Function(
            symbol: symbol, signature: signature, place: position?.place)
    }

    /// What only a plugin's own functions can have.
    private static func problem(_ signature: Signature) -> String? {
        if signature.takesError {
            return "takes error, which only plugins fill in: use error string, or check(...)"
        }
        return signature.result.kind == .status
            ? "returns status, which only plugins do: use i32 check(== 0)" : nil
    }

    /// The error of a part of the text.
    ///
    /// - Parameter count: what stands in front of the part that was parsed.
    fileprivate func refused(_ error: SignatureError, after count: Int) -> ConfigurationError {
        var refusal = ConfigurationError(
            .wrongValue, at: position, path, "\(path): \(error.message)")
        refusal.part = .init(offset: count + error.column - 1, value: text)
        return refusal
    }
}

extension Substring {
    fileprivate func trimming(_ isBlank: (Character) -> Bool) -> Substring {
        var text = drop(while: isBlank)
        while let last = text.last, isBlank(last) { text = text.dropLast() }
        return text
    }
}

extension ConfigurationError.Position {
    fileprivate var place: LibraryBinding.Place { LibraryBinding.Place(line: line, column: column) }
}
