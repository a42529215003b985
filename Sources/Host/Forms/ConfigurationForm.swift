/// What a value of the configuration may be.
///
/// One description serves for reading the value, for writing it and for its JSON Schema: the three can't drift apart.
package struct ConfigurationForm<Value: Sendable>: Sendable {
    package typealias Read =
        @Sendable (ConfigurationNode, ConfigurationPath) throws(ConfigurationError) -> Value

    /// The keywords of JSON Schema, draft 2020-12, that hold for the value.
    package let schema: [String: JSONValue]
    package let read: Read
    /// What reads back as the value.
    package let write: @Sendable (Value) -> ConfigurationNode

    package init(
        schema: [String: JSONValue], read: @escaping Read,
        write: @escaping @Sendable (Value) -> ConfigurationNode
    ) {
        self.schema = schema
        self.read = read
        self.write = write
    }

    /// The same with one more condition, which the schema can't tell.
    ///
    /// - Parameter check: gets the value, what it was read from, and the way there.
    package func checked(
        _ check:
            @escaping @Sendable (Value, ConfigurationNode, ConfigurationPath)
            throws(ConfigurationError) -> Void
    ) -> ConfigurationForm {
        let read = read
        return ConfigurationForm(
            schema: schema,
            read: { (node, path) throws(ConfigurationError) in
                let value = try read(node, path)
                try check(value, node, path)
                return value
            }, write: write)
    }

    /// The same, and nothing at all stands for a value of its own: a key with all below it commented out.
    package func orEmpty(_ empty: Value) -> ConfigurationForm {
        let read = read
        var schema = schema
        if let type = schema["type"] { schema["type"] = [type, "null"] }
        return ConfigurationForm(
            schema: schema,
            read: { (node, path) throws(ConfigurationError) in
                if case .null = node.resolved { return empty }
                return try read(node, path)
            }, write: write)
    }
}

// MARK: Several values

extension ConfigurationForm {
    /// A list of different values.
    ///
    /// - Parameter least: how many it has at least.
    package static func list<Element: Hashable & Sendable>(
        of element: ConfigurationForm<Element>, such example: String, atLeast least: Int = 1
    ) -> ConfigurationForm where Value == [Element] {
        ConfigurationForm(
            schema: [
                "type": "array", "items": .object(element.schema),
                "minItems": .integer(Int64(least)),
                "uniqueItems": true,
            ],
            read: { (node, path) throws(ConfigurationError) in
                guard case .list(let nodes) = node.content, nodes.count >= least else {
                    throw .wrongValue(node, path, "a list, such as \(example)")
                }
                var values: [Element] = []
                for (index, node) in nodes.enumerated() {
                    let value = try element.read(node, path.appending(index: index))
                    guard !values.contains(value) else {
                        throw ConfigurationError(
                            .conflict, at: node.position, path.appending(index: index),
                            "\(path) has \(node.summary) twice")
                    }
                    values.append(value)
                }
                return values
            },
            write: { ConfigurationNode(.list($0.map(element.write))) })
    }

    /// A mapping from names that the operator chooses.
    package static func entries<Element: Sendable>(
        of element: ConfigurationForm<Element>, such example: String
    ) -> ConfigurationForm where Value == [String: Element] {
        ConfigurationForm(
            schema: [
                "type": "object", "additionalProperties": .object(element.schema),
                "propertyNames": ["minLength": 1],
            ],
            read: { (node, path) throws(ConfigurationError) in
                guard case .mapping(let entries) = node.content else {
                    throw .wrongValue(node, path, "a mapping, such as \(example)")
                }
                var values: [String: Element] = [:]
                for entry in entries {
                    guard !entry.name.isEmpty else {
                        throw ConfigurationError(
                            .wrongValue, at: entry.position, path, "\(path) has an empty name")
                    }
                    values[entry.name] = try element.read(
                        entry.value, path.appending(entry.name))
                }
                return values
            },
            write: { values in
                ConfigurationNode(
                    .mapping(
                        values.sorted { $0.key < $1.key }
                            .map { .init(name: $0.key, value: element.write($0.value)) }))
            })
    }

    /// A mapping whose keys are known.
    ///
    /// - Parameters:
    ///   - initial: what an empty one is.
    ///   - example: how an error tells what it must be.
    ///   - rules: more of the schema, for what the keys by themselves don't say.
    package static func mapping(
        _ keys: [ConfigurationKey<Value>], from initial: Value, such example: String,
        rules: [String: JSONValue] = [:]
    ) -> ConfigurationForm {
        let names = keys.map(\.name)
        precondition(Set(names).count == names.count, "a key stands in the table twice")
        var schema: [String: JSONValue] = [
            "type": "object", "additionalProperties": false,
            "properties": .object(
                Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0.schema) })),
        ]
        let required = keys.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { schema["required"] = .array(required) }
        return ConfigurationForm(
            schema: schema.merging(rules) { $1 },
            read: { (node, path) throws(ConfigurationError) in
                guard case .mapping(let entries) = node.content else {
                    throw .wrongValue(node, path, "a mapping, such as \(example)")
                }
                var value = initial
                for entry in entries {
                    guard let key = keys.first(where: { $0.name == entry.name }) else {
                        throw .unknownKey(entry, in: path, known: names)
                    }
                    try key.read(entry.value, path.appending(entry.name), &value)
                }
                for key in keys where key.isRequired && node[key.name] == nil {
                    let missing = path.appending(key.name)
                    throw ConfigurationError(
                        .missingKey, at: node.position, missing, "\(missing) is missing")
                }
                return value
            },
            write: { value in
                ConfigurationNode(
                    .mapping(
                        keys.compactMap { key in
                            key.write(value).map { .init(name: key.name, value: $0) }
                        }))
            })
    }
}

/// A duration, or no limit where there may be none.
package struct ConfiguredTime: Sendable, Hashable {
    /// nil: no limit.
    package var duration: Duration?

    package init(_ duration: Duration?) {
        self.duration = duration
    }
}
