internal import Foundation
internal import HostLoader

/// What backends and endpoints may be called.
///
/// Names are compared in three places with three rules: Swift calls strings equal that Unicode calls equivalent, SQLite
/// and URLs compare bytes, and people compare what they see. So a name is in Unicode's composed form (NFC) and has only
/// characters that can be seen: then the three agree, and no two backends are one.
package enum ConfiguredName {
    private static let longest = 255

    /// ``isTag(_:)`` as a regular expression of JSON Schema, as far as one can tell.
    package static let tagPattern =
        #"^(?!\.{1,2}$)[^\u0000-\u001F\u007F-\u009F\u00AD\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFE00-\uFE0F\uFEFF]{1,255}$"#
    /// ``isEndpoint(_:)`` as a regular expression of JSON Schema.
    package static let endpointPattern = "^[A-Za-z0-9][A-Za-z0-9_.:@+-]{0,254}$"

    static let aboutTags =
        "use 1 to 255 characters of one line that can be seen, in Unicode's composed form, but not . or .. alone"
    static let aboutEndpoints =
        "use letters, digits and - _ . : @ +, a letter or digit first, and 255 at most"

    /// Whether a backend can be called so: any text on one line. `.` and `..` are lost on the way in a URL.
    static func isTag(_ text: String) -> Bool {
        guard !text.isEmpty, text.unicodeScalars.count <= longest, text != ".", text != "..",
            isSame(text, text.precomposedStringWithCanonicalMapping)
        else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            // How a code point is composed that Unicode has not assigned, a later version may say.
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned: false
            default: !scalar.properties.isDefaultIgnorableCodePoint
            }
        }
    }

    /// Whether two names are the same bytes.
    static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    /// Whether an endpoint can be called so. Its name is the route that it gets by default.
    static func isEndpoint(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first else { return false }
        return PluginName.isAlphanumeric(first) && bytes.count <= longest
            && bytes.allSatisfy { PluginName.isAlphanumeric($0) || "-_.:@+".utf8.contains($0) }
    }
}
