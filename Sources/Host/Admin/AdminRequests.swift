package import HostConfigurationFiles
internal import HostForms

/// What the admin API's requests carry, as JSON.
package enum AdminRequests {
    /// `POST /v1/backends`.
    package struct CreateBackend: Sendable, AdminRequestForm {
        package var tag: String
        package var plugin: String
        package var config: BackendOptions?

        package init(tag: String, plugin: String, config: BackendOptions?) {
            self.tag = tag
            self.plugin = plugin
            self.config = config
        }

        static let form = ConfigurationForm<Self>.mapping(
            [
                .required("tag", \.tag, .anyText, "The backend's tag."),
                .required("plugin", \.plugin, .anyText, "The plugin that it runs."),
                .optional("config", \.config, BackendOptions.form, "How it is run."),
            ], from: Self(tag: "", plugin: "", config: nil),
            such: #"{"tag": "b", "plugin": "echo"}"#)
    }

    /// `POST /v1/endpoints`.
    package struct CreateEndpoint: Sendable, AdminRequestForm {
        package var name: String
        package var backend: String
        package var route: String?
        package var methods: [String]?

        package init(name: String, backend: String, route: String?, methods: [String]?) {
            self.name = name
            self.backend = backend
            self.route = route
            self.methods = methods
        }

        static let form = ConfigurationForm<Self>.mapping(
            [
                .required("name", \.name, .anyText, "The endpoint's name."),
                .required("backend", \.backend, .anyText, "The backend that answers."),
                .optional("route", \.route, .anyText, "Its path."),
                .optional("methods", \.methods, .texts, "The HTTP methods that it takes."),
            ], from: Self(name: "", backend: "", route: nil, methods: nil),
            such: #"{"name": "e", "backend": "b"}"#)
    }

    /// `PUT /v1/endpoints/{name}/traffic`.
    package struct Traffic: Sendable, AdminRequestForm {
        package var weights: [String: Double]

        package init(weights: [String: Double]) {
            self.weights = weights
        }

        private static let weights = ConfigurationForm<[String: Double]>
            .entries(of: .anyNumber, such: #"{"b": 1}"#)

        static let form = ConfigurationForm<Self>(
            schema: weights.schema,
            read: { (node, path) throws(ConfigurationError) in
                Self(weights: try weights.read(node, path))
            }, write: { weights.write($0.weights) })
    }

    /// `PUT /v1/endpoints/{name}/shadows/{tag}`.
    package struct Shadow: Sendable, AdminRequestForm {
        package var share: Double

        package init(share: Double) {
            self.share = share
        }

        static let form = ConfigurationForm<Self>.mapping(
            [.required("share", \.share, .anyNumber, "From 0 to 1.")], from: Self(share: 0),
            such: #"{"share": 0.1}"#)
    }

    /// `POST /v1/rollback` and `POST /v1/plugins/{name}/rollback`.
    package struct Rollback: Sendable, AdminRequestForm {
        /// nil: the one before.
        package var to: Int?

        package init(to: Int?) {
            self.to = to
        }

        static let form = ConfigurationForm<Self>.mapping(
            [
                .optional(
                    "to", \.to, .count(1...Int(Int32.max)), "The number; the one before by default."
                )
            ], from: Self(to: nil), such: #"{"to": 3}"#)
    }
}

/// A request's JSON. A name that it hasn't is an error, as in the configuration: what is misspelt is not passed over.
protocol AdminRequestBody {
    init(json: JSONValue) throws(ConfigurationError)
    var json: JSONValue { get }
}

/// One whose members a table names.
protocol AdminRequestForm: AdminRequestBody, Sendable {
    static var form: ConfigurationForm<Self> { get }
}

extension AdminRequestForm {
    init(json: JSONValue) throws(ConfigurationError) {
        var json = json
        // What is null is left out.
        if case .object(let members) = json { json = .object(members.filter { $0.value != .null }) }
        self = try Self.form.read(ConfigurationNode(json: json), .root)
    }

    var json: JSONValue { Self.form.write(self).value }
}

extension BackendOptions: AdminRequestBody {}

/// The differences that applying a file makes, or has made.
package struct AdminChanges: Codable, Sendable {
    /// A line for each; none: nothing differs.
    package var changes: [String]
    /// A line for each setting of the host itself that the file wants otherwise: they are read when a host starts.
    package var needsRestart: [String]
    /// The backends that are to be served afterwards.
    package var backends: [String]

    enum CodingKeys: String, CodingKey {
        case changes, backends
        case needsRestart = "needs_restart"
    }
}

// What a value may be is said by the state, with an error of its own; here it is told what JSON it must be.

extension ConfigurationForm where Value == String {
    static var anyText: ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "string"],
            read: { (node, path) throws(ConfigurationError) in
                guard case .text(let text) = node.content else {
                    throw .wrongValue(node, path, "text")
                }
                return text
            }, write: { ConfigurationNode(.text($0)) })
    }
}

extension ConfigurationForm where Value == [String] {
    static var texts: ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "array", "items": ["type": "string"]],
            read: { (node, path) throws(ConfigurationError) in
                guard case .list(let nodes) = node.content else {
                    throw .wrongValue(node, path, "a list of texts")
                }
                var texts: [String] = []
                for (index, node) in nodes.enumerated() {
                    texts.append(
                        try ConfigurationForm<String>.anyText.read(
                            node, path.appending(index: index)))
                }
                return texts
            }, write: { ConfigurationNode(.list($0.map { ConfigurationNode(.text($0)) })) })
    }
}

extension ConfigurationForm where Value == Double {
    static var anyNumber: ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "number"],
            read: { (node, path) throws(ConfigurationError) in
                switch node.content {
                case .integer(let value): return Double(value)
                case .number(let value): return value
                default: throw .wrongValue(node, path, "a number")
                }
            }, write: { ConfigurationNode(json: .plain($0)) })
    }
}
