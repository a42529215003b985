internal import HostCore
internal import HostForms

extension ListenAddress {
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
