internal import HostForms
internal import NIOHTTP1

/// What the stage `headers` does to the header of a request, or of an answer. In this order: removes, sets, adds.
struct HeaderChanges: Sendable, Equatable {
    var remove: [String] = []
    /// Each in place of all fields of that name.
    var set: [String: String] = [:]
    /// Each beside those that are there.
    var add: [String: String] = [:]

    var isEmpty: Bool { remove.isEmpty && set.isEmpty && add.isEmpty }

    func apply(to request: inout MiddlewareRequest) {
        guard !set.isEmpty || !add.isEmpty || remove.contains(where: request.headers.contains)
        else { return }
        var headers = request.headers
        for name in remove { headers.remove(name: name) }
        for (name, value) in set { headers.replaceOrAdd(name: name, value: value) }
        for (name, value) in add { headers.add(name: name, value: value) }
        request.headers = headers
        // What the host has read from the header already.
        for name in remove { Self.tell(&request, name, nil) }
        for (name, value) in set { Self.tell(&request, name, value) }
    }

    private static func tell(_ request: inout MiddlewareRequest, _ name: String, _ value: String?) {
        switch name.lowercased() {
        case "content-type": request.contentType = value ?? ""
        case "x-serve-shard-key": request.shardKey = value ?? ""
        case "x-serve-call-method": value.map { request.method = $0 }
        default: break
        }
    }

    func apply(to head: inout AnswerHead) {
        for name in remove {
            head.remove(name)
            if Self.isContentType(name) { head.contentType = "" }
        }
        for (name, value) in set {
            if Self.isContentType(name) {
                head.contentType = value
            } else {
                head.set(name, value)
            }
        }
        for (name, value) in add { head.add(name, value) }
    }

    private static func isContentType(_ name: String) -> Bool {
        name.lowercased() == "content-type"
    }
}

extension HeaderChanges {
    /// Those that say where a message ends, or what the connection is used for: the host's alone.
    static let hostsOwn: Set<String> = [
        "connection", "content-length", "date", "expect", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

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
            if let entry = node["add"]?.value.entry(named: "content-type") {
                throw ConfigurationError(
                    .conflict, at: entry.position, path.appending("add"),
                    "\(path.appending("add")): a message has one Content-Type; set it")
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
