package import Logging

/// One line of the log: when, how grave, about what, from where, and what happened.
///
///     2026-01-31T09:30:00.125Z info backplane: generation=1 plugin=echo [HostDeployment] serving
///
/// Keys are sorted, and values stand in quotes where they would end elsewhere than they seem to. Whatever a plugin or
/// a client has put into a value or a message, it stays one line, and moves no terminal's cursor.
package enum LogLine {
    /// In bytes; the rest of a longer message is left out.
    static let maxMessageSize = 16 << 10

    /// - Parameter time: as it is to be written.
    /// - Returns: the line with its end.
    package static func text(
        at time: String, _ level: Logger.Level, label: String, metadata: Logger.Metadata,
        source: String, message: String
    ) -> String {
        var line = "\(time) \(level) \(label):"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line += " "
            line += pair(key, "\(value)")
        }
        line += " [\(source)] "
        append(message, inQuotes: false, to: &line)
        line += "\n"
        return line
    }

    /// Text of others', such as a file's name, for a terminal: it stays one line, and moves no cursor.
    package static func escaped(_ text: String) -> String {
        var line = ""
        append(text, inQuotes: false, to: &line)
        return line
    }

    /// `key=value`, as lines have it.
    package static func pair(_ key: String, _ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
                    && $0 != UInt8(ascii: "\\")
            }
        guard !isPlain else { return "\(key)=\(value)" }
        var pair = "\(key)=\""
        append(value, inQuotes: true, to: &pair)
        return pair + "\""
    }

    private static func append(_ text: String, inQuotes: Bool, to line: inout String) {
        let size = text.utf8.count
        guard size <= maxMessageSize else {
            let beginning = String(decoding: text.utf8.prefix(maxMessageSize), as: UTF8.self)
            append(beginning, inQuotes: inQuotes, to: &line)
            line += "... (\(size - maxMessageSize) bytes more)"
            return
        }
        let isPlain = text.utf8.allSatisfy {
            $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        guard !isPlain else {
            line += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case "\t": line += "\\t"
            case "\"" where inQuotes: line += "\\\""
            case "\\" where inQuotes: line += "\\\\"
            default:
                if isPrintable(scalar) {
                    line.unicodeScalars.append(scalar)
                } else {
                    line += "\\u{\(String(scalar.value, radix: 16))}"
                }
            }
        }
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // The last are marks that turn the direction of writing, or that can't be seen.
        case .control, .lineSeparator, .paragraphSeparator, .format: false
        default: true
        }
    }
}
