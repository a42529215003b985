package import HostForms
package import HostPipeline

extension MiddlewareEntry {
    /// A chain, the outermost stage first.
    package static let list = ConfigurationForm<[MiddlewareEntry]>(
        schema: ["type": "array", "items": .object(form.schema)],
        read: { (node, path) throws(ConfigurationError) in
            guard case .list(let nodes) = node.content else {
                throw .wrongValue(node, path, "a list of stages, such as [cors, compression]")
            }
            var entries: [MiddlewareEntry] = []
            for (index, node) in nodes.enumerated() {
                entries.append(try form.read(node, path.appending(index: index)))
            }
            return entries
        },
        write: { ConfigurationNode(.list($0.map(form.write))) })

    /// Of the stages that no built-in kind has, nothing but the name can be said here: what their options may be, and
    /// whether there is such a stage, ``check(_:_:_:)`` and the making of the stage say.
    static let form = ConfigurationForm<MiddlewareEntry>(
        schema: schema,
        read: { (node, path) throws(ConfigurationError) in
            let (name, value) = try split(node, path)
            guard let kind = MiddlewareCatalog.builtIn(named: name) else {
                let options = try ConfigurationForm<JSONValue>.json.read(value, path)
                return MiddlewareEntry(name: name, options: options)
            }
            return MiddlewareEntry(
                name: name, options: try kind.read(value, path.appending(name)))
        },
        write: { entry in
            guard entry.options != .null, entry.options != [:] else {
                return ConfigurationNode(.text(entry.name))
            }
            let options = ConfigurationNode(json: entry.options)
            return ConfigurationNode(.mapping([.init(name: entry.name, value: options)]))
        })

    /// Whether there are the stages that a chain names, with their places in a file.
    ///
    /// - Parameter node: what ``list`` has read.
    /// - Throws: ``ConfigurationError`` for the first that is not there.
    package static func check(
        _ node: ConfigurationNode, _ path: ConfigurationPath, _ catalog: MiddlewareCatalog
    ) throws(ConfigurationError) {
        guard case .list(let nodes) = node.content else { return }
        for (index, node) in nodes.enumerated() {
            let path = path.appending(index: index)
            let (name, value) = try split(node, path)
            guard let kind = catalog[name] else {
                throw catalog.unknown(name, at: node.position, path)
            }
            _ = try kind.read(value, path.appending(name))
        }
    }

    private static func split(
        _ node: ConfigurationNode, _ path: ConfigurationPath
    ) throws(ConfigurationError) -> (name: String, options: ConfigurationNode) {
        switch node.content {
        case .plain(let name), .text(let name):
            if !name.isEmpty { return (name, ConfigurationNode(.null, at: node.position)) }
        case .mapping(let entries):
            if entries.count == 1 { return (entries[0].name, entries[0].value) }
        default: break
        }
        throw .wrongValue(node, path, "a stage, such as cors or {cors: {allow_origins: [\"*\"]}}")
    }

    private static var schema: [String: JSONValue] {
        let kinds = MiddlewareCatalog.builtIn
        let builtIn = kinds.map { kind -> JSONValue in
            let options = kind.schema.merging(["description": .string(kind.about)]) { $1 }
            return [
                "type": "object", "properties": [kind.name: .object(options)],
                "required": [.string(kind.name)], "additionalProperties": false,
            ]
        }
        // Those of plugins and of programs: any other name, with any options.
        let names = kinds.map { JSONValue.string($0.name) }
        let other: JSONValue = [
            "type": "object", "minProperties": 1, "maxProperties": 1,
            "propertyNames": ["not": ["enum": .array(names)]],
        ]
        let needy = kinds.filter { !$0.takesNoOptions }.map { JSONValue.string($0.name) }
        let plain: JSONValue = ["type": "string", "minLength": 1, "not": ["enum": .array(needy)]]
        return ["anyOf": .array([plain] + builtIn + [other])]
    }
}
