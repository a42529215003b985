package import HostForms

/// A stage as it is configured: `cors`, or `{cors: {allow_origins: ["*"]}}`.
package struct MiddlewareEntry: Sendable, Hashable, Codable {
    package var name: String
    /// As the stage's kind has read them.
    package var options: JSONValue

    package init(name: String, options: JSONValue = .null) {
        self.name = name
        self.options = options
    }
}

extension MiddlewareEntry: CustomStringConvertible {
    /// `cors`, or `cors {"allow_origins":["*"]}`.
    package var description: String {
        options == .null || options == [:] ? name : "\(name) \(options.text)"
    }
}
