internal import Foundation
internal import HostForms
internal import HostPipeline
internal import HostStages

extension HostConfiguration {
    /// Lets the configuration put stages of the program's into chains, as it does the built-in ones:
    ///
    ///     middleware:
    ///       - quota: {calls: 5}
    ///
    /// Options that can't be decoded are an error at their line, and so are those that `Options` doesn't have. These
    /// are found by what it encodes: it encodes the keys that it decodes, as synthesized conformances do.
    ///
    /// - Parameters:
    ///   - name: one that no built-in stage has, and no other one of the program's.
    ///   - make: makes a stage, for one chain. What it throws is an error of the configuration.
    public mutating func addMiddleware<Options: Codable & Sendable>(
        _ name: String, options: Options.Type,
        make: @escaping @Sendable (Options) throws -> any Middleware
    ) {
        precondition(
            !name.isEmpty && MiddlewareCatalog()[name] == nil
                && !middlewareKinds.contains { $0.name == name },
            "there is a middleware stage \(name) already")
        middlewareKinds.append(
            MiddlewareKind(
                name, "A stage of the program that runs the host.", .options(Options.self),
                initial: nil
            ) { json, place throws(ConfigurationError) in
                do {
                    let options = try JSONDecoder().decode(
                        Options.self, from: JSONEncoder().encode(json))
                    return ProgramStage(try make(options), logger: place.logger)
                } catch {
                    throw ConfigurationError(.wrongValue, "\(error)")
                }
            })
    }

    /// The same for a stage without options.
    public mutating func addMiddleware(
        _ name: String, make: @escaping @Sendable () throws -> any Middleware
    ) {
        addMiddleware(name, options: NoOptions.self) { _ in try make() }
    }
}

private struct NoOptions: Codable {}

extension ConfigurationForm where Value == JSONValue {
    /// What a type decodes, as it was written.
    fileprivate static func options<Options: Codable & Sendable>(
        _: Options.Type
    ) -> ConfigurationForm {
        ConfigurationForm(
            schema: [:],
            read: { (node, path) throws(ConfigurationError) in
                var node = node
                if case .null = node.resolved {
                    node = ConfigurationNode(.mapping([]), at: node.position)
                }
                let json = try ConfigurationForm.json.read(node, path)
                let known: JSONValue
                do {
                    let options = try JSONDecoder().decode(
                        Options.self, from: JSONEncoder().encode(json))
                    known = try JSONDecoder().decode(
                        JSONValue.self, from: JSONEncoder().encode(options))
                } catch {
                    throw ConfigurationError(error, in: node, path)
                }
                try checkKeys(of: node, known, path)
                return json
            }, write: { ConfigurationNode(json: $0) })
    }

    /// Each key that was written is one that was decoded.
    private static func checkKeys(
        of node: ConfigurationNode, _ known: JSONValue, _ path: ConfigurationPath
    ) throws(ConfigurationError) {
        switch (node.content, known) {
        case (.mapping(let entries), .object(let members)):
            for entry in entries {
                if let member = members[entry.name] {
                    try checkKeys(of: entry.value, member, path.appending(entry.name))
                } else if entry.value.resolved.isNull == false {
                    throw .unknownKey(entry, in: path, known: members.keys.sorted())
                }
            }
        case (.list(let nodes), .array(let elements)) where nodes.count == elements.count:
            for (index, (node, element)) in zip(nodes, elements).enumerated() {
                try checkKeys(of: node, element, path.appending(index: index))
            }
        default: break
        }
    }
}

extension ConfigurationNode.Content {
    fileprivate var isNull: Bool {
        if case .null = self { true } else { false }
    }
}

extension ConfigurationError {
    /// What a decoder says, at the place that it speaks of.
    fileprivate init(
        _ error: any Error, in node: ConfigurationNode, _ path: ConfigurationPath
    ) {
        let (keys, problem): ([any CodingKey], String) =
            switch error as? DecodingError {
            case .keyNotFound(let key, let context)?:
                (context.codingPath, "has no \(key.stringValue), which is required")
            case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?,
                .dataCorrupted(let context)?:
                (context.codingPath, "can't be used: \(context.debugDescription)")
            default: ([], "can't be used: \(error)")
            }
        var (node, path) = (node, path)
        for key in keys {
            if let index = key.intValue, case .list(let nodes) = node.content,
                nodes.indices.contains(index)
            {
                (node, path) = (nodes[index], path.appending(index: index))
            } else if let entry = node[key.stringValue] {
                (node, path) = (entry.value, path.appending(key.stringValue))
            }
        }
        self.init(
            .wrongValue, at: node.position, path, "\(path.isRoot ? "it" : "\(path)") \(problem)")
    }
}
