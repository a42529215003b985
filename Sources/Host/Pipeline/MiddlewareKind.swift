package import HostForms
package import Logging

/// A kind of stage that a configuration can name: its options, and how a stage is made of them.
package struct MiddlewareKind: Sendable {
    package let name: String
    /// One sentence for people and editors.
    package let about: String
    /// The keywords of JSON Schema that hold for the options.
    package let schema: [String: JSONValue]
    /// Whether the name alone is enough.
    package let takesNoOptions: Bool
    private let normalize: Normalize
    private let makeStage: Make

    private typealias Normalize =
        @Sendable (ConfigurationNode, ConfigurationPath) throws(ConfigurationError) -> JSONValue
    private typealias Make =
        @Sendable (JSONValue, MiddlewarePlace) throws(ConfigurationError) -> any MiddlewareStage

    /// - Parameters:
    ///   - initial: the options of a stage that is named without any; nil: some are required.
    ///   - make: throws what the options' form can't see, such as a file that is not there.
    package init<Options: Sendable>(
        _ name: String, _ about: String, _ form: ConfigurationForm<Options>, initial: Options?,
        make:
            @escaping @Sendable (Options, MiddlewarePlace) throws(ConfigurationError) ->
            any MiddlewareStage
    ) {
        let form = initial.map { form.orEmpty($0) } ?? form
        self.name = name
        self.about = about
        schema = form.schema
        takesNoOptions = initial != nil
        normalize = { (node, path) throws(ConfigurationError) in
            form.write(try form.read(node, path)).value
        }
        makeStage = { (options, place) throws(ConfigurationError) in
            try make(try form.read(ConfigurationNode(json: options), .root), place)
        }
    }

    /// The options as they are kept.
    ///
    /// - Throws: ``ConfigurationError`` with the place at fault.
    package func read(
        _ node: ConfigurationNode, _ path: ConfigurationPath
    ) throws(ConfigurationError) -> JSONValue {
        try normalize(node, path)
    }

    /// - Parameter options: what ``read(_:_:)`` has returned.
    /// - Throws: ``ConfigurationError`` when the stage can't be made of them.
    package func make(
        _ options: JSONValue, for place: MiddlewarePlace
    ) throws(ConfigurationError) -> any MiddlewareStage {
        try makeStage(options, place)
    }
}

/// Where a stage stands.
package struct MiddlewarePlace: Sendable {
    /// The backend's tag; nil: around all of them.
    package let backend: String?
    package let logger: Logger

    package init(backend: String?, logger: Logger) {
        self.backend = backend
        self.logger = logger
    }
}
