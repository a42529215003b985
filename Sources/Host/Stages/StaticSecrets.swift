internal import Crypto
internal import HostCore
internal import HostForms

/// Secrets that clients show, by the names of those that have them. Only their digests are kept.
struct StaticSecrets: Sendable {
    private var entries: [(digest: SHA256.Digest, name: String)]

    /// - Parameter secrets: by the names of their owners.
    init(_ secrets: [String: String] = [:]) {
        entries = secrets.sorted { $0.key < $1.key }
            .map { (SHA256.hash(data: Array($0.value.utf8)), $0.key) }
    }

    /// - Parameter text: a name and a secret on each line, with spaces between; `#` begins a remark.
    /// - Throws: ``FileProblem`` with the line at fault; never with what stands there.
    init(file text: [UInt8], path: String) throws(FileProblem) {
        var secrets: [String: String] = [:]
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where line.first != UInt8(ascii: "#") {
            let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
                .map { String(decoding: $0, as: UTF8.self) }
            guard !words.isEmpty else { continue }
            guard words.count == 2, HTTPText.isFieldValue(words[0]), secrets[words[0]] == nil else {
                throw FileProblem(
                    "\(path):\(index + 1): a line is a name, which no other line has, and a secret")
            }
            secrets[words[0]] = words[1]
        }
        self.init(secrets)
    }

    /// Whose secret it is. Takes the same time whichever it is, and if it is none.
    func owner(of secret: some StringProtocol) -> String? {
        let digest = SHA256.hash(data: Array(secret.utf8))
        var owner: String?
        // Digests are compared in constant time, all of them.
        for entry in entries where entry.digest == digest { owner = entry.name }
        return owner
    }
}

extension StaticSecrets {
    /// Names and secrets. An error never tells a secret.
    static let form: ConfigurationForm<[String: String]> = {
        let secret = ConfigurationForm<String>(
            schema: ["type": "string", "minLength": 1],
            read: { (node, path) throws(ConfigurationError) in
                switch node.content {
                case .text(let text) where !text.isEmpty: return text
                case .plain(let text) where !text.isEmpty: return text
                default:
                    throw ConfigurationError(
                        .wrongValue, at: node.position, path, "\(path) must be a text: a secret")
                }
            }, write: { ConfigurationNode(.text($0)) })
        let entries = ConfigurationForm<[String: String]>
            .entries(of: secret, such: "{alice: 5tr0ng-53cret}")
        return ConfigurationForm(
            schema: entries.schema,
            read: { (node, path) throws(ConfigurationError) in
                guard case .mapping = node.content else {
                    throw ConfigurationError(
                        .wrongValue, at: node.position, path,
                        "\(path) must be a mapping from names to secrets")
                }
                let secrets = try entries.read(node, path)
                if let name = secrets.keys.sorted().first(where: { !HTTPText.isFieldValue($0) }) {
                    throw ConfigurationError(
                        .wrongValue, at: node.position, path,
                        "\(path) has a name that can't stand in a header: \(ConfigurationPath.quoted(name))"
                    )
                }
                return secrets
            }, write: entries.write)
    }()
}
