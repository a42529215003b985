package import HostCore

/// Which paths an endpoint takes: one, such as `/echo`, or one with all that is below it, such as `/echo/*`.
///
/// `/echo/*` takes `/echo`, `/echo/` and `/echo/a/b`, and not `/echoes`; `/*` takes everything that nobody else does.
/// Both are compared with the path byte by byte, as it was sent: `%2F` is no slash, `/a//b` is not `/a/b`, and `..` is
/// a segment like others. A plugin that makes file names of a path has to look at it itself. Ray Serve 2's prefixes
/// (`route_prefix`) end at a slash in the same way.
package struct RoutePattern: Sendable, Hashable, CustomStringConvertible {
    /// Without the `/*` of a prefix; so it is empty for `/*`.
    let path: String
    let isPrefix: Bool

    /// - Parameter text: begins with `/` and may end with `/*`; visible ASCII, because nothing else can be in a path.
    /// - Throws: ``ControlError`` that says which rule the text breaks.
    package init(_ text: String) throws(ControlError) {
        guard text.utf8.first == UInt8(ascii: "/") else {
            throw Self.invalid(text, "it must begin with /")
        }
        let isPrefix = text.hasSuffix("/*")
        let path = isPrefix ? String(text.dropLast(2)) : text
        guard path != "/-", !path.utf8.starts(with: "/-/".utf8) else {
            throw Self.invalid(text, "/-/ is the host's own")
        }
        guard !path.utf8.contains(UInt8(ascii: "*")) else {
            throw Self.invalid(text, "a * may only be the whole last part, as in /name/*")
        }
        guard path.utf8.allSatisfy(Self.isPathByte) else {
            throw Self.invalid(
                text,
                "write what is no visible ASCII, ? or # as % and two hexadecimal digits, as clients send it"
            )
        }
        self.path = path
        self.isPrefix = isPrefix
    }

    /// As it is written.
    package var description: String { isPrefix ? "\(path)/*" : path }

    /// How many segments the path has.
    var depth: Int { path.utf8.count { $0 == UInt8(ascii: "/") } }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "#")
    }

    private static func invalid(_ text: String, _ rule: String) -> ControlError {
        ControlError(.invalid, "\(text.debugDescription) can't be a route: \(rule)")
    }
}
