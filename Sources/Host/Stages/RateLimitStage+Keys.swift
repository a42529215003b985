internal import HostForms
internal import HostPipeline

extension RateLimitStage {
    struct Options: Sendable, Equatable {
        var rate: Frequency
        var burst: Int?
        var key = Key.address
        var maxKeys = 10_000
        var trustedProxies = 0
        var addressHeader = "x-forwarded-for"
        var headers = true
        var name = "default"
    }

    /// So many in a time.
    struct Frequency: Sendable, Equatable {
        var count: Int
        var period: Duration
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
        .mapping(
            keys, from: Options(rate: Frequency(count: 1, period: .seconds(1))),
            such: "{rate: 10/s}"
        )
        .checked { (options, node, path) throws(ConfigurationError) in
            guard options.tokenRate == nil else { return }
            throw ConfigurationError(
                .conflict, at: node.position, path,
                "\(path) can't be counted exactly: make burst or the time of rate smaller")
        }

    private static let keys: [ConfigurationKey<Options>] = [
        .required(
            "rate", \.rate, rate,
            "Requests that a client may send, such as 10/s, 600/m or 100/10s."),
        .optional(
            "burst", \.burst, .count(1...1_000_000),
            "Requests that a client may send at once after a pause. Default: the number of rate."),
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

    private static let rate: ConfigurationForm<Frequency> = {
        let expected = "a rate, such as 10/s, 600/m or 100/10s"
        // The number of a duration may be left out where it is one.
        let pattern = #"^[1-9][0-9]{0,6}/(([0-9]+(\.[0-9]+)?|\.[0-9]+)?(ms|s|m|h))$"#
        let text = ConfigurationForm<String>.text(expected)
        return ConfigurationForm(
            schema: ["type": "string", "pattern": .string(pattern)],
            read: { (node, path) throws(ConfigurationError) in
                let parts = try text.read(node, path)
                    .split(separator: "/", omittingEmptySubsequences: false)
                guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                    let count = Int(parts[0]), (1...1_000_000).contains(count),
                    let period = DurationText.parse(String(parts[1]))
                        ?? DurationText.parse("1" + parts[1]),
                    period >= .milliseconds(1)
                else { throw .wrongValue(node, path, expected) }
                return Frequency(count: count, period: period)
            },
            write: { rate in
                ConfigurationNode(.text("\(rate.count)/\(DurationText.format(rate.period))"))
            })
    }()

    private static let headerName = ConfigurationForm<String>.lowercasedToken(
        "the name of a header")

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
        TokenBucket.Rate(tokens: rate.count, per: rate.period, burst: burst ?? rate.count)
    }
}

extension ConfigurationForm where Value == String {
    /// A token of HTTP in whatever case, in lower case.
    ///
    /// - Parameter what: how an error calls it.
    static func lowercasedToken(_ what: String) -> ConfigurationForm {
        let token = token(what)
        return ConfigurationForm(
            schema: token.schema,
            read: { (node, path) throws(ConfigurationError) in
                try token.read(node, path).lowercased()
            }, write: token.write)
    }
}
