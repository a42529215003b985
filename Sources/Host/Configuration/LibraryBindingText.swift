internal import HostForms

/// What a manifest says of a library that knows nothing of Backplane, as it was written.
///
/// ```yaml
/// library: libsqlite3.so.0
/// constructor: sqlite3_open(filename: string, out self) -> i32 check(== 0)
/// destructor: sqlite3_close(self)
/// methods:
///   exec: sqlite3_exec(self, sql: string, pointer = null, pointer = null, error string) -> i32 check(== 0)
/// ```
struct LibraryBindingText: Sendable, Equatable {
    /// A signature, with the C function's name in front where a method doesn't have it.
    struct Function: Sendable, Equatable {
        var text: String
        var position: ConfigurationError.Position?
        var path: ConfigurationPath

        /// It doesn't matter where it stands.
        static func == (a: Function, b: Function) -> Bool { a.text == b.text }
    }

    struct Method: Sendable, Equatable {
        var function = Function(text: "", path: .root)
        var description: String?
        var isInline: Bool?
        var isReentrant: Bool?
        var isIdempotent: Bool?
    }

    var library: Function?
    var isReentrant: Bool?
    var types: [ConfigurationEntry<Function>]?
    var constructor: Function?
    var destructor: Function?
    var methods: [ConfigurationEntry<Method>]?
}

extension LibraryBindingText {
    static let keys: [ConfigurationKey<LibraryBindingText>] = [
        .optional(
            "library", \.library, .function("a library, such as libm.so.6"),
            "A library that knows nothing of Backplane: a soname, a path, or a file beside the "
                + "manifest. Needs methods."),
        .optional(
            "methods", \.methods,
            .orderedEntries(of: Method.form, such: "{pow: '(base: f64, exponent: f64) -> f64'}"),
            "The functions of the library that are served, and their signatures."),
        .optional(
            "types", \.types,
            .orderedEntries(of: .function("a type, such as '{x: f64, y: f64}'"), such: "{}"),
            "Structs and enums that signatures may call by name."),
        .optional(
            "constructor", \.constructor, .function("a function and its signature"),
            "The function that makes a replica's self; its arguments are the user_config."),
        .optional(
            "destructor", \.destructor, .function("a function and its signature"),
            "The function that frees a replica's self."),
        .optional(
            "reentrant", \.isReentrant, .bool,
            "Whether the functions may run several at a time in one replica. Default: false."),
    ]
}

extension LibraryBindingText.Method {
    private static let keys: [ConfigurationKey<LibraryBindingText.Method>] = [
        .required(
            "signature", \.function, .function("a signature"),
            "The function's signature, with its name in front if the method has another one."),
        .optional(
            "description", \.description, .text("a text"), "What the method does, for people."),
        .optional(
            "inline", \.isInline, .bool,
            "Whether it is so short that it may run on an I/O thread. Default: false."),
        .optional(
            "reentrant", \.isReentrant, .bool,
            "Whether it may run beside others in one replica. Default: as the library's."),
        .optional(
            "idempotent", \.isIdempotent, .bool,
            "Whether a call that is made again has the effect of one: the stage retry may repeat it. "
                + "Default: false."),
    ]

    /// A signature, or a mapping with more.
    static let form: ConfigurationForm<LibraryBindingText.Method> = {
        let signature = ConfigurationForm<LibraryBindingText.Function>
            .function("a signature, such as '(base: f64, exponent: f64) -> f64'")
        let mapping = ConfigurationForm<LibraryBindingText.Method>
            .mapping(keys, from: LibraryBindingText.Method(), such: "{signature: '(f64) -> f64'}")
        return ConfigurationForm(
            schema: ["anyOf": [.object(signature.schema), .object(mapping.schema)]],
            read: { (node, path) throws(ConfigurationError) in
                if case .mapping = node.content { return try mapping.read(node, path) }
                var method = LibraryBindingText.Method()
                method.function = try signature.read(node, path)
                return method
            },
            write: { method in
                let isMoreThanSignature =
                    method != LibraryBindingText.Method(function: method.function)
                return isMoreThanSignature
                    ? mapping.write(method) : signature.write(method.function)
            })
    }()
}

extension ConfigurationForm where Value == LibraryBindingText.Function {
    /// Text that will be taken apart: it remembers where it stands.
    ///
    /// - Parameter what: how an error calls it.
    static func function(_ what: String) -> ConfigurationForm {
        let text = ConfigurationForm<String>.text(what)
        return ConfigurationForm(
            schema: text.schema,
            read: { (node, path) throws(ConfigurationError) in
                LibraryBindingText.Function(
                    text: try text.read(node, path), position: node.position, path: path)
            },
            write: { text.write($0.text) })
    }
}

extension ConfigurationForm where Value == Bool {
    static var bool: ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "boolean"],
            read: { (node, path) throws(ConfigurationError) in
                guard case .bool(let value) = node.resolved else {
                    throw .wrongValue(node, path, "true or false")
                }
                return value
            },
            write: { ConfigurationNode(.bool($0)) })
    }
}
