internal import HostCore
internal import HostTokens

/// Decides whether a token is to be believed.
struct TokenVerifier: Sendable {
    private let file: WatchedFile<TokenKeySet>
    private let rules: TokenClaims.Rules
    /// Seconds since 1970.
    private let clock: @Sendable () -> Double

    init(
        _ file: WatchedFile<TokenKeySet>, _ rules: TokenClaims.Rules,
        clock: @escaping @Sendable () -> Double = { LogTime.now.secondsSince1970 }
    ) {
        self.file = file
        self.rules = rules
        self.clock = clock
    }

    /// - Returns: the subject; nil: the token has none.
    func verify(_ text: String) async -> Result<String?, TokenClaims.Refusal> {
        guard let token = JSONWebToken(text) else { return .failure(.invalid("it is no token")) }
        var candidates = file.content.candidates(for: token)
        // The key may be new.
        if candidates.isEmpty { candidates = await file.refreshed().candidates(for: token) }
        for key in candidates where await key.verifies(token.signature, of: token.signed) {
            return TokenClaims.check(token.payload, rules, at: clock()).flatMap { subject in
                guard let subject, !HTTPText.isFieldValue(subject) else {
                    return .success(subject)
                }
                return .failure(.invalid("the token's subject can't stand in a header"))
            }
        }
        return .failure(.invalid("no key has signed the token"))
    }
}

extension LogTime {
    fileprivate var secondsSince1970: Double { Double(seconds) + Double(milliseconds) / 1000 }
}
