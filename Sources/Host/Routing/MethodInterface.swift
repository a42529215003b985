package import HostForms
package import HostPlugins
internal import HostTypedCalls

/// What a caller has to know of a method, as `backplane list <plugin> --methods` shows it.
///
/// The JSON form is part of the admin API: members are added, never renamed.
package struct MethodInterface: Codable, Sendable, Equatable {
    package var name: String
    package var description: String
    /// nil: the plugin reads the request itself, and only it knows what it takes.
    package var signature: String?
    /// The JSON Schema of the arguments, if the method has a signature.
    package var arguments: JSONValue?
    /// The JSON Schema of the response; nil also for one that is always empty.
    package var answer: JSONValue?

    package init(_ method: PluginDescriptor.Method) {
        name = method.name
        description = method.description
        guard let signature = method.signature else { return }
        let schema = SignatureSchema(signature)
        // A manifest's may go over several lines.
        self.signature = signature.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        arguments = schema.arguments
        answer = schema.answer?.schema
    }
}
