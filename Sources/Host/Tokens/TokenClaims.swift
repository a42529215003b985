/// What a token says of its holder, once its signature is known to be good. Source: RFC 7519, section 4.1.
package struct TokenClaims {
    /// What the operator demands.
    package struct Rules: Sendable, Equatable {
        var issuer: String?
        var audience: String?
        /// By how much clocks may differ, in seconds.
        var leeway: Double
        /// All of them.
        var scope: [String]

        package init(
            issuer: String? = nil, audience: String? = nil, leeway: Double = 0, scope: [String] = []
        ) {
            self.issuer = issuer
            self.audience = audience
            self.leeway = leeway
            self.scope = scope
        }
    }

    package enum Refusal: Error, Equatable {
        case invalid(String)
        case insufficientScope
    }

    private let issuer: String?
    private let subject: String?
    private let audience: [String]?
    private let expiry: Double?
    private let notBefore: Double?
    private let scopes: [String]

    /// The end of the year 9999. What is later is no date, and would be a token that never expires.
    private static let latest = 253_402_300_799.0

    /// What is wrong with a claim.
    private struct Malformed: Error {}

    /// - Throws: when one of those that are looked at is not what it must be, null among that.
    private init(_ members: [String: TokenJSON]) throws(Malformed) {
        issuer = try Self.text(members["iss"])
        subject = try Self.text(members["sub"])
        audience = try Self.texts(members["aud"])
        expiry = try Self.date(members["exp"])
        notBefore = try Self.date(members["nbf"])
        // A text with spaces (RFC 8693, section 4.2), or a list under either name, as some issuers write it.
        let texts = [try Self.texts(members["scope"]), try Self.texts(members["scp"])]
        scopes = texts.compactMap { $0 }.joined()
            .flatMap { text in text.split(separator: " ").map { String($0) } }
    }

    private static func text(_ claim: TokenJSON?) throws(Malformed) -> String? {
        switch claim {
        case nil: return nil
        case .string(let text)?: return text
        default: throw Malformed()
        }
    }

    /// One text or a list of them.
    private static func texts(_ claim: TokenJSON?) throws(Malformed) -> [String]? {
        guard case .array(let values)? = claim else { return try text(claim).map { [$0] } }
        var texts: [String] = []
        for value in values {
            guard let text = value.text else { throw Malformed() }
            texts.append(text)
        }
        return texts
    }

    private static func date(_ claim: TokenJSON?) throws(Malformed) -> Double? {
        switch claim {
        case nil: return nil
        case .number(let seconds)? where abs(seconds) <= latest: return seconds
        default: throw Malformed()
        }
    }

    /// - Parameter now: seconds since 1970.
    /// - Returns: the subject; nil: the token has none.
    package static func check(
        _ payload: [UInt8], _ rules: Rules, at now: Double
    ) -> Result<String?, Refusal> {
        guard let members = TokenJSON(payload)?.members else {
            return .failure(.invalid("the token has no claims, or one of them twice"))
        }
        do throws(Malformed) {
            return try TokenClaims(members).check(rules, at: now)
        } catch {
            return .failure(.invalid("a claim of the token is not what it must be"))
        }
    }

    private func check(_ rules: Rules, at now: Double) -> Result<String?, Refusal> {
        guard let expiry else { return .failure(.invalid("the token never expires")) }
        guard now < expiry + rules.leeway else {
            return .failure(.invalid("the token has expired"))
        }
        if let notBefore, now + rules.leeway < notBefore {
            return .failure(.invalid("the token is not valid yet"))
        }
        if let wanted = rules.issuer, issuer?.isSame(as: wanted) != true {
            return .failure(.invalid("the token has another issuer"))
        }
        if let wanted = rules.audience, audience?.contains(where: wanted.isSame) != true {
            return .failure(.invalid("the token is for another audience"))
        }
        return rules.scope.allSatisfy { wanted in scopes.contains(where: wanted.isSame) }
            ? .success(subject) : .failure(.insufficientScope)
    }
}
