internal import HostForms

extension RateLimitStage {
    struct Options: Sendable, Equatable {
        var rate: Int
        var per = ConfiguredTime(.seconds(1))
        var burst: Int?
        var key = Key.address
        var maxKeys = 10_000
        var trustedProxies = 0
        var addressHeader = "x-forwarded-for"
        var headers = true
        var name = "default"
    }

    /// What requests are counted by.
    enum Key: Sendable, Equatable {
        case address
        /// In lower case.
        case header(String)
        case all
    }

    static let kind = MiddlewareKind(
        "rate-limit", "Refuses requests of a client that sends more than it may: a token bucket.",
        form, initial: nil
    ) { (options, _) throws(ConfigurationError) in
        RateLimitStage(options, options.tokenRate!)
    }

    /// The initial rate is replaced: its key is required.
    private static let form = ConfigurationForm<Options>
        .mapping(keys, from: Options(rate: 1), such: "{rate: 10, per: 1s}")
        .checked { (options, node, path) throws(ConfigurationError) in
            guard options.tokenRate == nil else { return }
            throw ConfigurationError(
                .conflict, at: node.position, path,
                "\(path) can't be counted exactly: make burst or per smaller")
        }

    private static let keys: [ConfigurationKey<Options>] = [
        .required(
            "rate", \.rate, .count(1...1_000_000), "Requests that a client may send in per."),
        .defaulted(
            "per", \.per, .time(least: .milliseconds(1)), unless: ConfiguredTime(.seconds(1)),
            "The time in which rate requests may be sent. Default: 1s."),
        .optional(
            "burst", \.burst, .count(1...1_000_000),
            "Requests that a client may send at once after a pause. Default: as rate."),
        .defaulted(
            "key", \.key, key, unless: .address,
            "What requests are counted by: address, all, or {header: X-Api-Key}. Default: address."),
        .defaulted(
            "max_keys", \.maxKeys, .count(2...10_000_000), unless: 10_000,
            "Clients that are remembered at once. Default: 10000."),
        .defaulted(
            "trusted_proxies", \.trustedProxies, .count(0...16), unless: 0,
            "Proxies in front of the host that add a client's address to address_header. Default: 0."
        ),
        .defaulted(
            "address_header", \.addressHeader, headerName, unless: "x-forwarded-for",
            "The header to which trusted proxies add addresses. Default: X-Forwarded-For."),
        .defaulted(
            "headers", \.headers, .flag, unless: true,
            "Whether answers tell what is left, in RateLimit and RateLimit-Policy. Default: true."),
        .defaulted(
            "name", \.name,
            .matching("^[A-Za-z0-9._-]+$", "letters, digits, '.', '-' and '_'") { name in
                name.wholeMatch(of: #/[A-Za-z0-9._-]+/#) != nil
            },
            unless: "default", "What answers call the limit. Default: default."),
    ]

    private static let headerName: ConfigurationForm<String> = {
        let token = ConfigurationForm<String>.token("the name of a header")
        return ConfigurationForm(
            schema: token.schema,
            read: { (node, path) throws(ConfigurationError) in
                try token.read(node, path).lowercased()
            }, write: token.write)
    }()

    private static let key: ConfigurationForm<Key> = {
        let expected = "address, all, or a header such as {header: X-Api-Key}"
        return ConfigurationForm(
            schema: [
                "anyOf": [
                    ["type": "string", "enum": ["address", "all"]],
                    [
                        "type": "object", "properties": ["header": .object(headerName.schema)],
                        "required": ["header"], "additionalProperties": false,
                    ],
                ]
            ],
            read: { (node, path) throws(ConfigurationError) in
                switch node.resolved {
                case .text("address"): return .address
                case .text("all"): return .all
                case .mapping(let entries) where entries.map(\.name) == ["header"]:
                    return .header(
                        try headerName.read(entries[0].value, path.appending("header")))
                default: throw .wrongValue(node, path, expected)
                }
            },
            write: { key in
                switch key {
                case .address: ConfigurationNode(.text("address"))
                case .all: ConfigurationNode(.text("all"))
                case .header(let name):
                    ConfigurationNode(
                        .mapping([.init(name: "header", value: ConfigurationNode(.text(name)))]))
                }
            })
    }()
}

extension RateLimitStage.Options {
    /// nil: the numbers are too large for each other.
    var tokenRate: TokenBucket.Rate? {
        per.duration.flatMap { TokenBucket.Rate(tokens: rate, per: $0, burst: burst ?? rate) }
    }
}
