/// A key of a mapping: which part of the model it sets, and what its value may be.
package struct ConfigurationKey<Model: Sendable>: Sendable {
    package typealias Path<Value> = any WritableKeyPath<Model, Value> & Sendable
    package typealias Read =
        @Sendable (ConfigurationNode, ConfigurationPath, inout Model)
        throws(ConfigurationError) -> Void

    package let name: String
    package let isRequired: Bool
    /// Its value's, with a description for editors.
    package let schema: JSONValue
    package let read: Read
    /// nil: the model says nothing of it.
    package let write: @Sendable (Model) -> ConfigurationNode?

    private init(
        _ name: String, isRequired: Bool = false, schema: JSONValue, read: @escaping Read,
        write: @escaping @Sendable (Model) -> ConfigurationNode?
    ) {
        self.name = name
        self.isRequired = isRequired
        self.schema = schema
        self.read = read
        self.write = write
    }

    /// A key that may be left out.
    ///
    /// - Parameter about: what it is for, in a sentence: the schema's description.
    package static func optional<Value>(
        _ name: String, _ path: Path<Value?>, _ form: ConfigurationForm<Value>, _ about: String
    ) -> ConfigurationKey {
        ConfigurationKey(
            name, schema: described(form.schema, about),
            read: { (node, place, model) throws(ConfigurationError) in
                model[keyPath: path] = try form.read(node, place)
            },
            write: { $0[keyPath: path].map(form.write) })
    }

    /// A key that may be left out, and that stands for a value then: the model's initial one.
    package static func defaulted<Value: Equatable>(
        _ name: String, _ path: Path<Value>, _ form: ConfigurationForm<Value>,
        unless initial: Value, _ about: String
    ) -> ConfigurationKey {
        ConfigurationKey(
            name, schema: described(form.schema, about),
            read: { (node, place, model) throws(ConfigurationError) in
                model[keyPath: path] = try form.read(node, place)
            },
            write: { model in
                let value = model[keyPath: path]
                return value == initial ? nil : form.write(value)
            })
    }

    package static func required<Value>(
        _ name: String, _ path: Path<Value>, _ form: ConfigurationForm<Value>, _ about: String
    ) -> ConfigurationKey {
        ConfigurationKey(
            name, isRequired: true, schema: described(form.schema, about),
            read: { (node, place, model) throws(ConfigurationError) in
                model[keyPath: path] = try form.read(node, place)
            },
            write: { form.write($0[keyPath: path]) })
    }

    /// A key whose name is kept for later: nothing may stand there but nothing.
    package static func reserved(_ name: String, _ about: String) -> ConfigurationKey {
        ConfigurationKey(
            name, schema: described(["type": ["array", "null"], "maxItems": 0], about),
            read: { (node, place, _) throws(ConfigurationError) in
                switch node.resolved {
                case .null: break
                case .list(let nodes) where nodes.isEmpty: break
                default:
                    throw ConfigurationError(
                        .wrongValue, at: node.position, place, "\(place) is not there yet")
                }
            },
            write: { _ in nil })
    }

    /// The same key, for what has the model as a part.
    package func lifted<Whole>(
        to part: any WritableKeyPath<Whole, Model> & Sendable
    ) -> ConfigurationKey<Whole> {
        let (read, write) = (read, write)
        return ConfigurationKey<Whole>(
            name, isRequired: isRequired, schema: schema,
            read: { (node, place, whole) throws(ConfigurationError) in
                try read(node, place, &whole[keyPath: part])
            },
            write: { write($0[keyPath: part]) })
    }

    private static func described(_ schema: [String: JSONValue], _ about: String) -> JSONValue {
        .object(schema.merging(["description": .string(about)]) { $1 })
    }
}
