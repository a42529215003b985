/// A value of the configuration as it was written, and where.
///
/// YAML and JSON both become this; what reads values knows no more of either.
package struct ConfigurationNode: Sendable {
    package enum Content: Sendable {
        /// YAML without quotes: `1` is text where text is expected, and a number elsewhere.
        case plain(String)
        case text(String)
        case integer(Int64)
        case number(Double)
        case bool(Bool)
        case null
        case list([ConfigurationNode])
        /// In the order in which it was written.
        case mapping([Entry])
    }

    package struct Entry: Sendable {
        package let name: String
        /// Of the key.
        package var position: ConfigurationError.Position?
        package let value: ConfigurationNode

        package init(
            name: String, position: ConfigurationError.Position? = nil, value: ConfigurationNode
        ) {
            self.name = name
            self.position = position
            self.value = value
        }
    }

    package let content: Content
    /// nil: it was made by the host, or came as JSON.
    package var position: ConfigurationError.Position?

    package init(_ content: Content, at position: ConfigurationError.Position? = nil) {
        self.content = content
        self.position = position
    }

    /// What it is where any type is welcome.
    package var resolved: Content {
        guard case .plain(let text) = content else { return content }
        return switch PlainScalar.resolve(text) {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .text, .refused: .text(text)
        }
    }

    /// The value of a key, if this is a mapping that has it.
    package subscript(name: String) -> Entry? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.name == name }
    }

    /// What an error calls it.
    package var summary: String {
        switch content {
        case .plain(""): "empty"
        case .plain(let text): Self.oneLine(text)
        case .text(let text): JSONValue.string(ConfigurationPath.shortened(text)).text
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .bool(let value): "\(value)"
        case .null: "null"
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }

    private static func oneLine(_ text: String) -> String {
        let short = ConfigurationPath.shortened(text)
        // A plain text may have paragraphs.
        return short.contains(where: \.isNewline) ? JSONValue.string(short).text : short
    }
}

extension ConfigurationNode {
    package init(json value: JSONValue) {
        switch value {
        case .null: self.init(.null)
        case .bool(let value): self.init(.bool(value))
        case .integer(let value): self.init(.integer(value))
        case .number(let value): self.init(.number(value))
        case .string(let value): self.init(.text(value))
        case .array(let values): self.init(.list(values.map(ConfigurationNode.init(json:))))
        case .object(let members):
            self.init(
                .mapping(
                    members.sorted { $0.key < $1.key }
                        .map { Entry(name: $0.key, value: ConfigurationNode(json: $0.value)) }))
        }
    }

    /// - Throws: ``ConfigurationError`` when there is something in it that JSON has not, or that two versions of YAML
    ///   read differently.
    package func json(_ path: ConfigurationPath = .root) throws(ConfigurationError) -> JSONValue {
        try checkForJSON(path)
        return value
    }

    /// The value as JSON; what ``json(_:)`` refuses is text.
    package var value: JSONValue {
        switch resolved {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .text(let value), .plain(let value): .string(value)
        case .list(let nodes): .array(nodes.map(\.value))
        case .mapping(let entries):
            .object(Dictionary(entries.map { ($0.name, $0.value.value) }) { $1 })
        }
    }

    private func checkForJSON(_ path: ConfigurationPath) throws(ConfigurationError) {
        switch content {
        case .plain(let text):
            if case .refused(let expected) = PlainScalar.resolve(text) {
                throw .wrongValue(self, path, expected)
            }
        case .number(let number) where !number.isFinite:
            throw .wrongValue(self, path, "a number that JSON has")
        case .list(let nodes):
            for (index, node) in nodes.enumerated() {
                try node.checkForJSON(path.appending(index: index))
            }
        case .mapping(let entries):
            for entry in entries { try entry.value.checkForJSON(path.appending(entry.name)) }
        default: break
        }
    }
}
