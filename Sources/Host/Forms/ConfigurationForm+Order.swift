extension ConfigurationForm {
    /// A mapping from names that the operator chooses, in the order in which they were written.
    package static func orderedEntries<Element: Sendable>(
        of element: ConfigurationForm<Element>, such example: String
    ) -> ConfigurationForm where Value == [ConfigurationEntry<Element>] {
        let entries = ConfigurationForm<[String: Element]>.entries(of: element, such: example)
        return ConfigurationForm(
            schema: entries.schema.merging(["minProperties": 1]) { $1 },
            read: { (node, path) throws(ConfigurationError) in
                let values = try entries.read(node, path)
                guard case .mapping(let written) = node.content, !written.isEmpty else {
                    throw .wrongValue(node, path, "a mapping, such as \(example)")
                }
                return written.map {
                    ConfigurationEntry(
                        name: $0.name, value: values[$0.name]!, position: $0.position)
                }
            },
            write: { values in
                ConfigurationNode(
                    .mapping(values.map { .init(name: $0.name, value: element.write($0.value)) }))
            })
    }

    /// The same, with more to be made of the value when all of it is there.
    package func completed(
        _ complete:
            @escaping @Sendable (inout Value, ConfigurationPath) throws(ConfigurationError) -> Void
    ) -> ConfigurationForm {
        let read = read
        return ConfigurationForm(
            schema: schema,
            read: { (node, path) throws(ConfigurationError) in
                var value = try read(node, path)
                try complete(&value, path)
                return value
            }, write: write)
    }
}

/// An entry of a mapping whose order counts.
package struct ConfigurationEntry<Value: Sendable>: Sendable {
    package let name: String
    package let value: Value
    /// Of the name.
    package var position: ConfigurationError.Position?
}

extension ConfigurationEntry: Equatable where Value: Equatable {
    /// It doesn't matter where it stands.
    package static func == (a: ConfigurationEntry, b: ConfigurationEntry) -> Bool {
        a.name == b.name && a.value == b.value
    }
}
