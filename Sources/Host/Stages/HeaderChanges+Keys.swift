internal import HostCore
internal import HostForms
internal import HostPipeline

extension HeaderChanges {
    static let keys: [ConfigurationKey<HeaderChanges>] = [
        .defaulted(
            "remove", \.remove,
            .list(of: .token("the name of a header"), such: "[Cookie]"), unless: [],
            "The names of those that are removed; first."),
        .defaulted(
            "set", \.set, .entries(of: value, such: "{X-Team: search}"), unless: [:],
            "Those that take the place of any of the same name; second."),
        .defaulted(
            "add", \.add, .entries(of: value, such: "{Link: </style.css>}"), unless: [:],
            "Those that are added to those of the same name; last."),
    ]

    private static let value = ConfigurationForm<String>.matching(
        #"^[^\x00-\x20\x7f]([^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?$"#,
        "the value of a header: one line, without white space around it"
    ) { HTTPText.isFieldValue($0) }

    static let form = ConfigurationForm<HeaderChanges>
        .mapping(keys, from: HeaderChanges(), such: "{set: {X-Team: search}, remove: [Cookie]}")
        .checked { (changes, node, path) throws(ConfigurationError) in
            for key in ["remove", "set", "add"] { try check(node[key]?.value, path.appending(key)) }
            for name in single {
                guard let entry = node["add"]?.value.entry(named: name) else { continue }
                throw ConfigurationError(
                    .conflict, at: entry.position, path.appending("add"),
                    "\(path.appending("add")): a message has one \(entry.name); set it")
            }
        }

    private static func check(
        _ node: ConfigurationNode?, _ path: ConfigurationPath
    ) throws(ConfigurationError) {
        var seen: Set<String> = []
        for (name, position) in node?.headerNames ?? [] {
            let quoted = ConfigurationPath.quoted(name)
            guard HTTPText.isToken(name) else {
                throw ConfigurationError(
                    .wrongValue, at: position, path,
                    "\(path) has \(quoted): no header has that name"
                )
            }
            guard !hostsOwn.contains(name.lowercased()) else {
                throw ConfigurationError(
                    .conflict, at: position, path,
                    "\(path) has \(quoted): the host alone decides how messages are framed")
            }
            guard seen.insert(name.lowercased()).inserted else {
                throw ConfigurationError(
                    .conflict, at: position, path,
                    "\(path) has \(quoted) twice: upper and lower case are the same in headers")
            }
        }
    }
}

extension ConfigurationNode {
    /// The texts of a list, or the keys of a mapping.
    fileprivate var headerNames: [(String, ConfigurationError.Position?)] {
        switch content {
        case .mapping(let entries): entries.map { ($0.name, $0.position) }
        case .list(let nodes):
            nodes.compactMap { node in
                switch node.content {
                case .plain(let text), .text(let text): (text, node.position)
                default: nil
                }
            }
        default: []
        }
    }

    fileprivate func entry(named lowercased: String) -> Entry? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.name.lowercased() == lowercased }
    }
}
