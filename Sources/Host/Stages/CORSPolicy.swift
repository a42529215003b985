internal import HostCore
internal import HostForms

/// Which pages of other origins may do what, as `cors` is configured.
///
/// Source: the Fetch standard, section 3.3 (CORS protocol).
struct CORSPolicy: Sendable, Equatable {
    /// Serialized origins; `*` is any.
    var allowOrigins: [String] = []
    /// Matches whole origins.
    var allowOriginRegex: String?
    /// `*` is any. The initial ones are those that a page may use without asking.
    var allowMethods = ["GET", "HEAD", "POST"]
    /// `*` is any.
    var allowHeaders: [String] = []
    var allowCredentials = false
    /// `*` is any.
    var exposeHeaders: [String] = []
    var maxAge = ConfiguredTime(.seconds(600))
    var allowPrivateNetwork = false

    /// Headers that a page may send without asking, with some values: those of `Content-Type` don't include JSON.
    static let freeHeaders = ["accept", "accept-language", "content-language", "content-type"]

    var allowsAnyOrigin: Bool { allowOrigins.contains("*") }
    var allowsAnyMethod: Bool { allowMethods.contains("*") }
    var allowsAnyHeader: Bool { allowHeaders.contains("*") }

    /// Whether responses are the same for all origins.
    var isSameForAll: Bool { allowsAnyOrigin && !allowCredentials }
}

extension CORSPolicy {
    private static let anyOrOrigin = ConfigurationForm<String>.matching(
        #"^(\*|null|[a-z][a-z0-9+.-]*://[^/?#@A-Z]+)$"#,
        "an origin as browsers send it, such as https://example.com or http://localhost:3000, or *"
    ) { $0 == "*" || $0 == "null" || Self.isOrigin($0) && !Self.hasDefaultPort($0) }

    private static let regex = ConfigurationForm<String>
        .text("a regular expression, such as https://.*\\.example\\.com")
        .checked { (text, node, path) throws(ConfigurationError) in
            do throws(LinearPattern.Problem) {
                _ = try LinearPattern(text)
            } catch {
                throw ConfigurationError(
                    .wrongValue, at: node.position, path, "\(path) \(error.reason)")
            }
        }

    static let keys: [ConfigurationKey<CORSPolicy>] = [
        .defaulted(
            "allow_origins", \.allowOrigins,
            .list(of: anyOrOrigin, such: "[\"https://example.com\"]"), unless: [],
            "The origins whose pages may call; [\"*\"] is any."),
        .optional(
            "allow_origin_regex", \.allowOriginRegex, regex,
            "Origins that match it as a whole may call, too."),
        .defaulted(
            "allow_methods", \.allowMethods,
            .list(of: .token("an HTTP method, or *"), such: "[GET, PUT]"),
            unless: CORSPolicy().allowMethods,
            "The HTTP methods that pages may use; [\"*\"] is any. Default: [GET, HEAD, POST]."),
        .defaulted(
            "allow_headers", \.allowHeaders,
            .list(of: .token("the name of a header, or *"), such: "[Authorization]"), unless: [],
            """
            The headers that pages may send beside Accept, Accept-Language, Content-Language and \
            Content-Type; ["*"] is any.
            """),
        .defaulted(
            "allow_credentials", \.allowCredentials, .flag, unless: false,
            "Whether pages may send cookies and other credentials. Default: false."),
        .defaulted(
            "expose_headers", \.exposeHeaders,
            .list(of: .token("the name of a header, or *"), such: "[X-Request-Id]"), unless: [],
            "The answer's headers that pages may read beside a few that they always may."),
        .defaulted(
            "max_age", \.maxAge, .time(), unless: CORSPolicy().maxAge,
            "How long browsers may remember what a preflight said, in whole seconds. Default: 10m."
        ),
        .defaulted(
            "allow_private_network", \.allowPrivateNetwork, .flag, unless: false,
            "Whether pages from a public network may call a host in a private one. Default: false."
        ),
    ]

    static let form = ConfigurationForm<CORSPolicy>
        .mapping(keys, from: CORSPolicy(), such: "{allow_origins: [\"https://example.com\"]}")
        .checked { (policy, node, path) throws(ConfigurationError) in
            guard !policy.allowOrigins.isEmpty || policy.allowOriginRegex != nil else {
                let missing = path.appending("allow_origins")
                throw ConfigurationError(
                    .missingKey, at: node.position, missing,
                    "\(missing) is missing: without it no page may call")
            }
            guard !policy.allowCredentials || !policy.exposeHeaders.contains("*") else {
                let place = path.appending("expose_headers")
                throw ConfigurationError(
                    .conflict, at: node["expose_headers"]?.value.position, place,
                    "\(place) is *, which means nothing to browsers with allow_credentials: "
                        + "name the headers")
            }
        }

    // MARK: Origins

    /// Whether a text is an origin other than `null`, as it comes in a header: scheme, host and perhaps a port.
    ///
    /// Source: RFC 6454, section 6.2. Longer than any host's name it can't be.
    static func isOrigin(_ text: String) -> Bool {
        guard text.utf8.count <= 320, let colon = text.firstRange(of: "://") else { return false }
        let scheme = text[..<colon.lowerBound]
        let host = text[colon.upperBound...]
        guard let first = scheme.utf8.first, isLowercase(first), !host.isEmpty else { return false }
        return scheme.utf8.allSatisfy { isLowercase($0) || isDigit($0) || "+-.".utf8.contains($0) }
            && host.utf8.allSatisfy { isLowercase($0) || isDigit($0) || "-._:[]".utf8.contains($0) }
    }

    /// Whether it names the port that browsers leave out.
    private static func hasDefaultPort(_ origin: String) -> Bool {
        origin.hasPrefix("http://") && origin.hasSuffix(":80")
            || origin.hasPrefix("https://") && origin.hasSuffix(":443")
    }

    private static func isLowercase(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
