internal import Yams

/// YAML as the configuration takes it: one document, whose keys are texts that a mapping has once each, without anchors
/// and tags.
///
/// Yams composes the tree; what is added here are limits, and the places of errors.
package struct YAMLDocument {
    /// How many lists and mappings may stand in one another: more than any configuration has, and far less than a
    /// thread's stack.
    package static let maxDepth = 64
    /// More is no configuration that anybody wrote.
    package static let maxBytes = 1 << 20

    private typealias Position = ConfigurationError.Position

    private let text: String
    /// Keys that stand in a mapping more than once have a mark in front while Yams reads them: it refuses them, and
    /// says only where the first one is. By the key's place, how many marks it has.
    private var marks: [Position: Int] = [:]
    private static let mark: Unicode.Scalar = "\u{F0000}"

    /// - Throws: ``ConfigurationError`` with the place at fault.
    package static func parse(_ text: String) throws(ConfigurationError) -> ConfigurationNode {
        guard text.utf8.count <= maxBytes else {
            throw ConfigurationError(
                .unreadable,
                "can't be read: it has more than \(maxBytes) bytes")
        }
        // A byte order mark is no part of the first line.
        let scalars = text.unicodeScalars
        var document = YAMLDocument(
            text: scalars.first == "\u{FEFF}" ? String(scalars.dropFirst()) : text)
        return try document.parse()
    }

    private init(text: String) {
        self.text = text
    }

    private mutating func parse() throws(ConfigurationError) -> ConfigurationNode {
        while true {
            let marked = markedText
            do {
                if let node = try Self.compose(marked, convert) { return node }
                return ConfigurationNode(.null, at: Position(line: 1, column: 1))
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let first = unmarked(Position(context.mark))
                // Each round reads the text again; so many are no slip of the finger.
                guard marks.values.reduce(0, +) < 16, canMark(first) else {
                    throw ConfigurationError(
                        .duplicateKey, at: first,
                        "the mapping has the key \(Self.name(names)) twice")
                }
                marks[first, default: 0] += 1
            } catch let error as ConfigurationError {
                throw error
            } catch {
                throw Self.syntaxError(error, in: marked) { unmarked($0) }
            }
        }
    }

    /// - Parameter convert: called while the parser is there, which owns the anchors.
    private static func compose(
        _ text: String,
        _ convert: (Node, ConfigurationPath, Int) throws(ConfigurationError) -> ConfigurationNode
    ) throws -> ConfigurationNode? {
        if text.utf8.contains(UInt8(ascii: "&")), text.utf8.contains(UInt8(ascii: "*")) {
            // Aliases of aliases make a tree that grows without end, and Yams compares whole trees that are keys. With
            // tags in place of anchors, the first alias is one to nothing, and the parser ends there.
            _ = try parser(text.replacing("&", with: "!")).singleRoot()
        }
        let parser = try parser(text)
        return try withExtendedLifetime(parser) {
            try parser.singleRoot().map { try convert($0, .root, 0) }
        }
    }

    /// Without rules for plain scalars: what they are depends on where they stand.
    private static func parser(_ text: String) throws -> Parser {
        try Parser(yaml: text, resolver: .basic, encoding: .utf8)
    }
}

// MARK: From Yams' tree to the configuration's

extension YAMLDocument {
    private func convert(
        _ node: Node, _ path: ConfigurationPath, _ depth: Int
    ) throws(ConfigurationError) -> ConfigurationNode {
        let position = node.mark.map { unmarked(Position($0)) }
        guard depth < Self.maxDepth || node.scalar != nil else {
            throw Self.unsupported("lists and mappings are nested too deep", position, path)
        }
        try refuseAnchor(of: node, position, path)
        switch node {
        case .scalar(let scalar):
            return ConfigurationNode(try content(of: scalar, position, path), at: position)
        case .sequence(let sequence):
            var nodes: [ConfigurationNode] = []
            for (index, node) in sequence.enumerated() {
                nodes.append(try convert(node, path.appending(index: index), depth + 1))
            }
            return ConfigurationNode(.list(nodes), at: position)
        case .mapping(let mapping):
            return ConfigurationNode(
                .mapping(try entries(of: mapping, path, depth)), at: position)
        case .alias:
            throw Self.unsupported("aliases are not supported", position, path)
        }
    }

    private func entries(
        of mapping: Node.Mapping, _ path: ConfigurationPath, _ depth: Int
    ) throws(ConfigurationError) -> [ConfigurationNode.Entry] {
        var entries: [ConfigurationNode.Entry] = []
        var places: [String: Position] = [:]
        for (key, value) in mapping {
            let position = key.mark.map { unmarked(Position($0)) }
            try refuseAnchor(of: key, position, path)
            guard case .scalar(let scalar) = key else {
                throw Self.unsupported("a key must be text", position, path)
            }
            let name = name(of: scalar, position)
            if name == "<<", scalar.style == .plain {
                throw Self.unsupported("merge keys (<<) are not supported", position, path)
            }
            if let first = places[name] {
                let subject = path.isRoot ? "" : "\(path) has "
                throw ConfigurationError(
                    .duplicateKey, at: position, path.appending(name),
                    "\(subject)the key \(ConfigurationPath.quoted(name)) twice: "
                        + "the first one is at \(first.line):\(first.column)")
            }
            places[name] = position
            let node = try convert(value, path.appending(name), depth + 1)
            entries.append(.init(name: name, position: position, value: node))
        }
        return entries
    }

    private func content(
        of scalar: Node.Scalar, _ position: Position?, _ path: ConfigurationPath
    ) throws(ConfigurationError) -> ConfigurationNode.Content {
        let tag = scalar.tag.rawValue
        switch tag {
        case Tag.Name.implicit.rawValue where scalar.style == .plain: return .plain(scalar.string)
        case Tag.Name.implicit.rawValue, Tag.Name.str.rawValue: return .text(scalar.string)
        default: throw Self.unsupported("the tag \(tag) is not supported", position, path)
        }
    }

    private func refuseAnchor(
        of node: Node, _ position: Position?, _ path: ConfigurationPath
    ) throws(ConfigurationError) {
        guard let anchor = node.anchor else { return }
        throw Self.unsupported(
            "anchors are not supported (&\(anchor.rawValue)): write the value where it is needed",
            position, path)
    }

    private static func unsupported(
        _ what: String, _ position: Position?, _ path: ConfigurationPath
    ) -> ConfigurationError {
        let place = path.isRoot ? "" : "\(path): "
        return ConfigurationError(.unsupportedYAML, at: position, path, place + what)
    }
}

// MARK: Marks

extension YAMLDocument {
    private var markedText: String {
        guard !marks.isEmpty else { return text }
        var scalars = Array(text.unicodeScalars)
        // From the end, so that what is in front stays where it is.
        for (position, count) in marks.sorted(by: { isBefore($1.key, $0.key) }) {
            guard let index = Self.index(of: position, in: scalars) else { continue }
            let isQuoted = scalars[index] == "\"" || scalars[index] == "'"
            scalars.insert(
                contentsOf: repeatElement(Self.mark, count: count), at: index + (isQuoted ? 1 : 0))
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Whether a mark in front of the key makes another key of it, and changes nothing else.
    private func canMark(_ position: Position) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard let index = Self.index(of: position, in: scalars) else { return false }
        return !"&!*?[{|>".unicodeScalars.contains(scalars[index])
    }

    private func name(of scalar: Node.Scalar, _ position: Position?) -> String {
        guard let position, let count = marks[position] else { return scalar.string }
        return String(
            String.UnicodeScalarView(scalar.string.unicodeScalars.dropFirst(count)))
    }

    /// Where something of the marked text is in the text as it was given.
    private func unmarked(_ place: Position) -> Position {
        var column = place.column
        // In the order of the line: each one stands where it did before those behind it were put in.
        for (position, count) in marks.sorted(by: { isBefore($0.key, $1.key) })
        where position.line == place.line && position.column < column {
            column -= count
        }
        return Position(line: place.line, column: column)
    }

    private func isBefore(_ a: Position, _ b: Position) -> Bool {
        (a.line, a.column) < (b.line, b.column)
    }

    private static func name(_ names: [String]) -> String {
        ConfigurationPath.quoted(
            String(
                String.UnicodeScalarView(
                    (names.first ?? "").unicodeScalars.filter { $0 != mark })))
    }

    /// Lines end as in YAML 1.1, which libyaml reads.
    private static func index(of position: Position, in scalars: [Unicode.Scalar]) -> Int? {
        var line = 1
        var index = 0
        while line < position.line, index < scalars.count {
            switch scalars[index] {
            case "\r" where index + 1 < scalars.count && scalars[index + 1] == "\n": break
            case "\r", "\n", "\u{85}", "\u{2028}", "\u{2029}": line += 1
            default: break
            }
            index += 1
        }
        index += position.column - 1
        return line == position.line && index < scalars.count ? index : nil
    }
}
