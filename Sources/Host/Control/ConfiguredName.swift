/// What backends and endpoints may be called.
package enum ConfiguredName {
    private static let longest = 255

    /// ``isTag(_:)`` as a regular expression of JSON Schema.
    package static let tagPattern =
        #"^(?!\.{1,2}$)[^\u0000-\u001F\u007F-\u009F\u2028\u2029]{1,255}$"#
    /// ``isEndpoint(_:)`` as a regular expression of JSON Schema.
    package static let endpointPattern = "^[A-Za-z0-9][A-Za-z0-9_.:@+-]{0,254}$"

    static let aboutTags = "use 1 to 255 characters of one line, but not . or .. alone"
    static let aboutEndpoints =
        "use letters, digits and - _ . : @ +, a letter or digit first, and 255 at most"

    /// Whether a backend can be called so: any text on one line. `.` and `..` are lost on the way in a URL.
    static func isTag(_ text: String) -> Bool {
        guard !text.isEmpty, text.unicodeScalars.count <= longest, text != ".", text != ".." else {
            return false
        }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
    }

    /// Whether an endpoint can be called so. Its name is the route that it gets by default.
    static func isEndpoint(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first else { return false }
        return PluginName.isAlphanumeric(first) && bytes.count <= longest
            && bytes.allSatisfy { PluginName.isAlphanumeric($0) || "-_.:@+".utf8.contains($0) }
    }
}
