internal import HostForms

extension HostFile.Listen: CustomStringConvertible {
    /// `127.0.0.1:8000`, `localhost:0`, `[::1]:8000`.
    package init?(_ text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let digits = text[text.utf8.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy(Self.isDigit),
            let port = Int(digits), port <= 65_535
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        // The address is the resolver's to read; here it must not be taken for something else.
        let isAddress = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: ":"), UInt8(ascii: "%"): isBracketed
            default: Self.isDigit(byte) || ".-_".utf8.contains(byte)
            }
        }
        guard !host.isEmpty, isAddress, host.utf8.contains(UInt8(ascii: ":")) == isBracketed
        else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// 0 to 65535, in five digits at most, as a regular expression.
    private static let port =
        "([0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"

    static let form: ConfigurationForm<Self> = {
        let expected = #"an address and a port, such as 127.0.0.1:8000 or "[::1]:8000""#
        return ConfigurationForm(
            schema: [
                "type": "string",
                "pattern": .string(
                    #"^([A-Za-z0-9._-]+|\[[A-Za-z0-9._%-]*:[A-Za-z0-9.:_%-]*\]):"# + port),
            ],
            read: { (node, path) throws(ConfigurationError) in
                let text = try ConfigurationForm.text(expected).read(node, path)
                guard let listen = Self(text) else { throw .wrongValue(node, path, expected) }
                return listen
            },
            write: { ConfigurationNode(.text($0.description)) })
    }()
}
