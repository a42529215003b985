package import HostForms
internal import HostRouting

/// What an endpoint's keys may be, in the file and in a manifest.
package enum EndpointForms {
    package static let aboutRoute =
        "The path that it answers: /x, matched exactly, or /x/* for all below /x."
    package static let aboutMethods = "The HTTP methods that it takes. Default: GET and POST."

    package static let methods = ConfigurationForm<[String]>
        .list(of: .name(of: Endpoint.possibleMethods), such: "[GET, POST]")

    /// `/x` or `/x/*`, of characters that a path has as they are.
    package static let route: ConfigurationForm<String> = {
        let expected = "a path such as /echo, or /echo/* for all below it"
        let text = ConfigurationForm<String>.text(expected)
        return ConfigurationForm(
            schema: [
                "type": "string",
                "pattern":
                    #"^/(?!-(/|$))([A-Za-z0-9._~!$&'()+,;=:@%/-]*/)?([A-Za-z0-9._~!$&'()+,;=:@%-]*|\*)$"#,
            ],
            read: { (node, path) throws(ConfigurationError) in
                let route = try text.read(node, path)
                guard isRoute(route) else { throw .wrongValue(node, path, expected) }
                guard route != "/-", !route.hasPrefix("/-/") else {
                    throw .wrongValue(
                        node, path, "another path: what begins with /-/ is the host's own")
                }
                return route
            }, write: text.write)
    }()

    /// Weights of backends that sum to 1.
    package static let traffic = ConfigurationForm<[String: Double]>
        .entries(of: .number(from: 0), such: "{echo: 1}")
        .checked { (weights, node, path) throws(ConfigurationError) in
            let sum = weights.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value }
            guard abs(sum - 1) <= TrafficPolicy.tolerance else {
                throw ConfigurationError(
                    .conflict, at: node.position, path,
                    "\(path) sums to \(JSONValue.plain(sum).text): the weights must sum to 1")
            }
        }

    package static let shadow = ConfigurationForm<[String: Double]>
        .entries(of: .number(from: 0, to: 1), such: "{echo: 0.1}")

    /// Source of the characters: RFC 3986, section 3.3.
    private static func isRoute(_ text: String) -> Bool {
        let path = text.hasSuffix("/*") ? text.dropLast() : text[...]
        return path.utf8.first == UInt8(ascii: "/")
            && path.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~!$&'()+,;=:@%/".utf8.contains(byte)
                }
            }
    }
}
