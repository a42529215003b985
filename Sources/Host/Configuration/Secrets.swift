package import HostForms
package import HostPipeline

/// What is left out of what is shown: tokens, keys and passwords, as their names tell.
package enum Secrets {
    /// Stands where a secret was. A file that still has it is refused.
    package static let placeholder = "<redacted>"

    /// The last word of a key tells: `db_password`, `x-api-key`.
    private static let words: Set<Substring> = [
        "token", "secret", "password", "passwd", "passphrase", "credential", "authorization",
        "cookie", "apikey",
    ]
    /// All below such a key is secret.
    private static let plurals: Set<Substring> = ["tokens", "secrets", "passwords", "credentials"]
    private static let keysOf: Set<Substring> = [
        "api", "access", "private", "secret", "auth", "signing", "encryption",
    ]

    /// The same value with every text and number replaced that is a secret by its key.
    ///
    /// - Parameter others: more keys below which all is secret.
    package static func removed(from value: JSONValue, others: Set<Substring> = []) -> JSONValue {
        switch value {
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { key, value in
                        (key, removed(from: value, at: key, others: others))
                    }))
        case .array(let values): .array(values.map { removed(from: $0, others: others) })
        default: value
        }
    }

    private static func removed(
        from value: JSONValue, at key: String, others: Set<Substring>
    ) -> JSONValue {
        let words = key.lowercased().split { $0 == "_" || $0 == "-" || $0 == "." }
        guard let last = words.last else { return value }
        if plurals.contains(last) || others.contains(last) { return allRemoved(from: value) }
        let isSecret =
            Self.words.contains(last)
            || last == "key" && words.dropLast().last.map(keysOf.contains) == true
        // What is below a mapping has names of its own.
        if case .object = value { return removed(from: value, others: others) }
        return isSecret ? allRemoved(from: value) : removed(from: value, others: others)
    }

    private static func allRemoved(from value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members): .object(members.mapValues(allRemoved))
        case .array(let values): .array(values.map(allRemoved))
        case .string, .integer, .number: .string(placeholder)
        case .null, .bool: value
        }
    }

    /// - Throws: ``ConfigurationError`` with the first place where a secret is missing.
    package static func check(
        _ node: ConfigurationNode, _ path: ConfigurationPath = .root
    ) throws(ConfigurationError) {
        switch node.content {
        case .text(placeholder), .plain(placeholder):
            throw ConfigurationError(
                .wrongValue, at: node.position, path,
                "\(path) is \(placeholder): `backplane export` leaves secrets out; put it in")
        case .list(let nodes):
            for (index, node) in nodes.enumerated() {
                try check(node, path.appending(index: index))
            }
        case .mapping(let entries):
            for entry in entries { try check(entry.value, path.appending(entry.name)) }
        default: break
        }
    }
}

extension MiddlewareEntry {
    package var withoutSecrets: MiddlewareEntry {
        MiddlewareEntry(
            name: name,
            options: Secrets.removed(from: options, others: name == "auth" ? ["keys"] : []))
    }
}

extension BackendOptions {
    package var withoutSecrets: BackendOptions {
        var options = self
        options.middleware = middleware.map { $0.map(\.withoutSecrets) }
        options.userConfig = userConfig.map { Secrets.removed(from: $0) }
        return options
    }
}
