internal import HostForms
internal import HostPipeline
internal import HostTokens
internal import Logging

extension AuthStage {
    struct Options: Sendable {
        var bearer: Bearer?
        var apiKey: APIKey?
        var jwt: JWT?
        var realm = "backplane"
        var checkHandles = false
    }

    struct Bearer: Sendable {
        var tokens: [String: String] = [:]
        var file: String?
    }

    struct APIKey: Sendable {
        var header = "x-api-key"
        var keys: [String: String] = [:]
        var file: String?
    }

    struct JWT: Sendable {
        var file: String
        var issuer: String?
        var audience: String?
        var algorithms = TokenKey.publicAlgorithms
        var leeway = ConfiguredTime(.seconds(30))
        var scope: [String]?
    }

    static let kind = MiddlewareKind(
        "auth", "Lets requests through whose sender is known: bearer tokens, API keys, JWT.", form,
        initial: nil
    ) { (options, place) throws(ConfigurationError) in
        do throws(FileProblem) {
            return try make(options, logger: place.logger)
        } catch {
            throw ConfigurationError(.unreadable, error.description)
        }
    }

    private static func make(
        _ options: Options, logger: Logger
    ) throws(FileProblem) -> AuthStage {
        AuthStage(
            options,
            tokens: try secrets(options.bearer?.tokens, options.bearer?.file, logger),
            apiKeys: try secrets(options.apiKey?.keys, options.apiKey?.file, logger),
            verifier: try options.jwt?.verifier(logger: logger))
    }

    private static func secrets(
        _ configured: [String: String]?, _ path: String?, _ logger: Logger
    ) throws(FileProblem) -> [Secrets] {
        var all: [Secrets] = []
        if let configured, !configured.isEmpty {
            all.append(.configured(StaticSecrets(configured)))
        }
        if let path {
            let reading = WatchedFile<StaticSecrets>.Reading(forbidden: 0o077) {
                (bytes) throws(FileProblem) in try StaticSecrets(file: bytes, path: path)
            }
            all.append(.file(try WatchedFile(path, reading, logger: logger)))
        }
        return all
    }

    // MARK: Keys

    private static let form = ConfigurationForm<Options>
        .mapping(keys, from: Options(), such: "{bearer: {file: /etc/backplane/tokens}}")
        .checked { (options, node, path) throws(ConfigurationError) in
            guard options.bearer == nil, options.apiKey == nil, options.jwt == nil else { return }
            throw ConfigurationError(
                .missingKey, at: node.position, path,
                "\(path) lets nobody in: it needs bearer, api_key or jwt")
        }

    private static let keys: [ConfigurationKey<Options>] = [
        .optional(
            "bearer", \.bearer, Bearer.form, "Tokens that are what they are: Authorization: Bearer."
        ),
        .optional("api_key", \.apiKey, APIKey.form, "Keys in a header of their own."),
        .optional("jwt", \.jwt, JWT.form, "Tokens that somebody has signed."),
        .defaulted(
            "realm", \.realm,
            .matching("^[ !#-\\[\\]-~]+$", "text without quotes") { realm in
                realm.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
            },
            unless: "backplane", "What refusals call the place. Default: backplane."),
        .defaulted(
            "check_handles", \.checkHandles, .flag, unless: false,
            "Whether calls of handles need credentials, too. Default: false."),
    ]
}

extension AuthStage.Options {
    /// How a request is told what it lacks.
    var wanted: String {
        let token = bearer != nil || jwt != nil ? "Authorization: Bearer TOKEN" : nil
        return [token, apiKey.map { "\($0.header): KEY" }].compactMap { $0 }
            .joined(separator: " or ")
    }
}

extension AuthStage.Bearer {
    fileprivate static let form = ConfigurationForm<Self>
        .mapping(
            [
                .defaulted(
                    "tokens", \.tokens, StaticSecrets.form, unless: [:],
                    "The tokens by the names of those that have them."),
                .optional(
                    "file", \.file, .text("a path"),
                    "A file with a name and a token on each line, which only its owner may read."),
            ], from: Self(), such: "{file: /etc/backplane/tokens}"
        )
        .checked { (bearer, node, path) throws(ConfigurationError) in
            guard bearer.tokens.isEmpty, bearer.file == nil else { return }
            throw ConfigurationError(
                .missingKey, at: node.position, path, "\(path) needs tokens or file")
        }
}

extension AuthStage.APIKey {
    fileprivate static let form = ConfigurationForm<Self>
        .mapping(
            [
                .defaulted(
                    "header", \.header, .lowercasedToken("the name of a header"),
                    unless: "x-api-key", "The header with the key. Default: X-Api-Key."),
                .defaulted(
                    "keys", \.keys, StaticSecrets.form, unless: [:],
                    "The keys by the names of those that have them."),
                .optional(
                    "file", \.file, .text("a path"),
                    "A file with a name and a key on each line, which only its owner may read."),
            ], from: Self(), such: "{file: /etc/backplane/keys}"
        )
        .checked { (key, node, path) throws(ConfigurationError) in
            guard key.keys.isEmpty, key.file == nil else { return }
            throw ConfigurationError(
                .missingKey, at: node.position, path, "\(path) needs keys or file")
        }
}

extension AuthStage.JWT {
    /// The initial file is replaced: its key is required.
    fileprivate static let form = ConfigurationForm<Self>
        .mapping(
            [
                .required(
                    "jwks_file", \.file, .text("a path"),
                    "A JWK set with the keys of those that may sign; read again when it changes."),
                .optional("issuer", \.issuer, .text("an issuer"), "The iss that tokens must have."),
                .optional(
                    "audience", \.audience, .text("an audience"),
                    "The aud that tokens must have, alone or among others."),
                .defaulted(
                    "algorithms", \.algorithms,
                    .list(of: .name(of: TokenKey.algorithms), such: "[RS256, ES256]"),
                    unless: TokenKey.publicAlgorithms,
                    "The algorithms that tokens may be signed with. Default: all but HS256 to HS512."
                ),
                .defaulted(
                    "leeway", \.leeway, .time(), unless: ConfiguredTime(.seconds(30)),
                    "By how much clocks may differ. Default: 30s."),
                .optional(
                    "scope", \.scope,
                    .list(
                        of: .matching("^[!#-\\[\\]-~]+$", "a scope, without spaces and quotes") {
                            $0.utf8.allSatisfy {
                                (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C
                            }
                        }, such: "[read]"),
                    "The scopes that tokens must have, all of them."),
            ], from: Self(file: ""), such: "{jwks_file: /etc/backplane/jwks.json}")

    fileprivate func verifier(logger: Logger) throws(FileProblem) -> TokenVerifier {
        let (path, algorithms) = (file, algorithms)
        // Who may write the set may sign; who reads a shared secret may, too.
        let isSecret = algorithms.contains { $0.hasPrefix("HS") }
        let reading = WatchedFile<TokenKeySet>.Reading(forbidden: isSecret ? 0o077 : 0o022) {
            (bytes) throws(FileProblem) in
            do throws(TokenKeySet.Unusable) {
                return try TokenKeySet(bytes, algorithms: algorithms)
            } catch {
                throw FileProblem("\(path) \(error)")
            }
        }
        let seconds = (leeway.duration ?? .zero) / .seconds(1)
        return TokenVerifier(
            try WatchedFile(path, reading, logger: logger),
            .init(issuer: issuer, audience: audience, leeway: seconds, scope: scope ?? []))
    }
}
