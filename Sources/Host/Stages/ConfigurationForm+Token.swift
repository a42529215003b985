internal import HostCore
internal import HostForms

extension ConfigurationForm where Value == String {
    /// A token of HTTP.
    ///
    /// - Parameter what: how an error calls it, such as "the name of a header".
    static func token(_ what: String) -> ConfigurationForm {
        matching("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", what) { HTTPText.isToken($0) }
    }

    /// Text of which a regular expression holds.
    ///
    /// - Parameters:
    ///   - pattern: for the schema: what `check` takes, or as near to it as a regular expression comes.
    ///   - what: how an error calls it.
    static func matching(
        _ pattern: String, _ what: String, _ check: @escaping @Sendable (String) -> Bool
    ) -> ConfigurationForm {
        let text = text(what)
        return ConfigurationForm(
            schema: ["type": "string", "pattern": .string(pattern)],
            read: { (node, path) throws(ConfigurationError) in
                let value = try text.read(node, path)
                guard check(value) else { throw .wrongValue(node, path, what) }
                return value
            }, write: text.write)
    }
}
