internal import Foundation

/// The way to a value of the configuration, such as `endpoints.counter.methods[0]`.
package struct ConfigurationPath: Sendable, CustomStringConvertible {
    package static let root = ConfigurationPath(description: "")

    package let description: String

    private init(description: String) {
        self.description = description
    }

    package init(_ codingPath: [any CodingKey]) {
        self = codingPath.reduce(.root) { path, key in
            key.intValue.map(path.appending(index:)) ?? path.appending(key.stringValue)
        }
    }

    package var isRoot: Bool { description.isEmpty }

    /// How a sentence about the value begins.
    package var subject: String { isRoot ? "the configuration" : description }

    package func appending(_ key: String) -> ConfigurationPath {
        let key = Self.quoted(key)
        return ConfigurationPath(description: isRoot ? key : "\(description).\(key)")
    }

    package func appending(index: Int) -> ConfigurationPath {
        ConfigurationPath(description: "\(description)[\(index)]")
    }

    /// A key as it is; in quotes if it can be mistaken for something else, or is long or no single line.
    package static func quoted(_ key: String) -> String {
        let isPlain =
            key.utf8.count <= 64 && !key.isEmpty
            && key.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "_-/".utf8.contains(byte)
                }
            }
        return isPlain ? key : JSONValue.string(shortened(key)).text
    }

    /// At most 64 characters: an error is one line.
    package static func shortened(_ text: String) -> String {
        text.unicodeScalars.count > 64
            ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(61))) + "..." : text
    }
}
