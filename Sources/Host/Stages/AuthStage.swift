internal import HostCore
internal import HostPipeline
internal import HostTokens

/// Lets requests through whose sender is known: by a bearer token, an API key, or a signed token.
struct AuthStage: MiddlewareStage {
    /// What the plugin is told. From outside it would be a claim of anybody's.
    static let subjectHeader = "x-auth-subject"

    private let options: Options
    private let tokens: [Secrets]
    private let apiKeys: [Secrets]
    private let verifier: TokenVerifier?

    /// Secrets of the configuration, or of a file.
    enum Secrets: Sendable {
        case configured(StaticSecrets)
        case file(WatchedFile<StaticSecrets>)

        func owner(of secret: some StringProtocol) -> String? {
            switch self {
            case .configured(let secrets): secrets.owner(of: secret)
            case .file(let file): file.content.owner(of: secret)
            }
        }
    }

    init(_ options: Options, tokens: [Secrets], apiKeys: [Secrets], verifier: TokenVerifier?) {
        self.options = options
        self.tokens = tokens
        self.apiKeys = apiKeys
        self.verifier = verifier
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        var request = request
        if request.headers.contains(name: Self.subjectHeader) {
            request.headers.remove(name: Self.subjectHeader)
        }
        let bearers = bearerTokens(request.headers)
        let keys = options.apiKey.map { request.headers[$0.header] } ?? []
        guard bearers.count <= 1, keys.count <= 1 else {
            return refuse(
                sink, 400, "send your credentials once", error: "invalid_request", next)
        }
        if let owner = keys.first.flatMap({ Self.owner(of: $0, among: apiKeys) }) {
            return pass(request, owner, for: sink, next)
        }
        guard let token = bearers.first else {
            return withoutToken(request, hasKey: !keys.isEmpty, for: sink, next)
        }
        if let owner = Self.owner(of: token, among: tokens) {
            return pass(request, owner, for: sink, next)
        }
        guard let verifier else {
            return refuse(
                sink, 401, "nobody has this token", error: "invalid_token", next)
        }
        verify(String(token), verifier, request, for: sink, next)
    }

    private func withoutToken(
        _ request: Request, hasKey: Bool, for sink: any ResponseSink, _ next: Next
    ) {
        // A handle's caller is a plugin, or the program that runs the host: both could do worse than call.
        if !hasKey, request.origin == .handle, !options.checkHandles {
            return pass(request, nil, for: sink, next)
        }
        let message =
            hasKey ? "nobody has this key" : "say who you are: send \(options.wanted)"
        refuse(sink, 401, message, error: nil, next)
    }

    /// Not on an event loop: a signature takes a tenth of a millisecond, and a new key a look at the disk.
    private func verify(
        _ token: String, _ verifier: TokenVerifier, _ request: Request,
        for sink: any ResponseSink, _ next: Next
    ) {
        Task {
            let result = await verifier.verify(token)
            request.resume {
                switch result {
                case .success(let subject): pass(request, subject, for: sink, next)
                case .failure(.invalid(let reason)):
                    refuse(sink, 401, reason, error: "invalid_token", next)
                case .failure(.insufficientScope):
                    refuse(
                        sink, 403, "the token's scope is not enough",
                        error: "insufficient_scope", next)
                }
            }
        }
    }

    private func pass(
        _ request: Request, _ subject: String?, for sink: any ResponseSink,
        _ next: Next
    ) {
        var request = request
        if let subject { request.headers.add(name: Self.subjectHeader, value: subject) }
        request.subject = subject ?? ""
        next.proceed(request, for: sink)
    }

    // MARK: Credentials

    /// All of them: a request with two is ambiguous. Those of other schemes are none of the stage's.
    private func bearerTokens(_ headers: HeaderFields) -> [Substring] {
        guard options.bearer != nil || options.jwt != nil else { return [] }
        return headers["authorization"].compactMap { value in
            let parts = value.split(separator: " ", maxSplits: 1)
            guard let scheme = parts.first, scheme.lowercased() == "bearer" else { return nil }
            return parts.count == 2 ? parts[1].drop { $0 == " " } : ""
        }
    }

    private static func owner(
        of secret: some StringProtocol, among all: [Secrets]
    ) -> String? {
        var owner: String?
        for secrets in all { owner = secrets.owner(of: secret) ?? owner }
        return owner
    }

    // MARK: Refusals

    /// - Parameter error: by RFC 6750, section 3.1; nil: no token was sent.
    private func refuse(
        _ sink: any ResponseSink, _ status: Int, _ message: String, error: String?, _ next: Next
    ) {
        var headers: [(name: String, value: String)] = []
        if options.bearer != nil || options.jwt != nil {
            var challenge = "Bearer realm=\"\(options.realm)\""
            if let error {
                challenge += ", error=\"\(error)\", error_description=\"\(message)\""
            }
            if error == "insufficient_scope", let scope = options.jwt?.scope {
                challenge += ", scope=\"\(scope.joined(separator: " "))\""
            }
            headers.append(("www-authenticate", challenge))
        }
        if options.apiKey != nil {
            headers.append(("www-authenticate", "ApiKey realm=\"\(options.realm)\""))
        }
        next.refuse(
            sink, with: DispatchError(.refused(httpStatus: status), message, headers: headers))
    }
}
