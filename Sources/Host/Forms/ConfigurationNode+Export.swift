internal import Yams

extension ConfigurationNode {
    /// YAML that reads back as this, mappings in their order.
    package var yaml: String {
        if case .mapping(let entries) = content, entries.isEmpty { return "{}\n" }
        do {
            return try Yams.serialize(node: yamlNode, width: -1, allowUnicode: true)
        } catch {
            // Memory aside, the emitter refuses only events in an order that no tree has.
            preconditionFailure("a configuration can't be written as YAML: \(error)")
        }
    }

    private var yamlNode: Node {
        switch content {
        case .plain(let text), .text(let text): Self.scalar(text)
        case .integer(let value): Node("\(value)", .implicit, .plain)
        case .number(let value): Node("\(value)", .implicit, .plain)
        case .bool(let value): Node("\(value)", .implicit, .plain)
        case .null: Node("null", .implicit, .plain)
        case .list(let nodes):
            Node(
                nodes.map(\.yamlNode), Tag(.seq),
                nodes.contains(where: \.isCollection) ? .block : .flow)
        case .mapping(let entries):
            Node(
                entries.map { (Self.scalar($0.name), $0.value.yamlNode) }, Tag(.map),
                entries.isEmpty ? .flow : .block)
        }
    }

    private var isCollection: Bool {
        switch content {
        case .list, .mapping: true
        default: false
        }
    }

    /// Without quotes only what no reader of YAML takes for anything but text.
    private static func scalar(_ text: String) -> Node {
        let isWord =
            text.first.map { $0.isASCII && ($0.isLetter || $0 == "/") } ?? false
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_./*".utf8.contains(byte)
                }
            }
        // One letter: YAML 1.1 has y and n for true and false.
        let isPlain = isWord && text.utf8.count > 1 && PlainScalar.resolve(text) == .text
        return Node(text, .implicit, isPlain || isDuration(text) ? .plain : .doubleQuoted)
    }

    private static func isDuration(_ text: String) -> Bool { DurationText.parse(text) != nil }
}
