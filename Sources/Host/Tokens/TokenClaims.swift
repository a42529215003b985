internal import FoundationEssentials

/// What a token says of its holder, once its signature is known to be good. Source: RFC 7519, section 4.1.
package struct TokenClaims: Decodable {
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

    private let iss: String?
    private let sub: String?
    private let aud: OneOrMore?
    private let exp: Double?
    private let nbf: Double?
    private let scope: OneOrMore?
    private let scp: OneOrMore?

    /// jwt-kit's own type for such claims ends the process when it meets an empty list.
    private struct OneOrMore: Decodable {
        let values: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(String.self) {
                values = [value]
            } else {
                values = try container.decode([String].self)
            }
        }
    }

    /// - Parameter now: seconds since 1970.
    /// - Returns: the subject; nil: the token has none.
    package static func check(
        _ payload: [UInt8], _ rules: Rules, at now: Double
    ) -> Result<String?, Refusal> {
        guard let claims = try? JSONDecoder().decode(TokenClaims.self, from: Data(payload)) else {
            return .failure(.invalid("the token has no claims"))
        }
        return claims.check(rules, at: now)
    }

    private func check(_ rules: Rules, at now: Double) -> Result<String?, Refusal> {
        guard let exp else { return .failure(.invalid("the token never expires")) }
        guard now < exp + rules.leeway else { return .failure(.invalid("the token has expired")) }
        if let nbf, now + rules.leeway < nbf {
            return .failure(.invalid("the token is not valid yet"))
        }
        if let issuer = rules.issuer, iss != issuer {
            return .failure(.invalid("the token has another issuer"))
        }
        if let audience = rules.audience, aud?.values.contains(audience) != true {
            return .failure(.invalid("the token is for another audience"))
        }
        return rules.scope.allSatisfy(scopes.contains)
            ? .success(sub) : .failure(.insufficientScope)
    }

    /// A text with spaces (RFC 8693, section 4.2), or a list under either name, as some issuers write it.
    private var scopes: Set<Substring> {
        Set(((scope?.values ?? []) + (scp?.values ?? [])).flatMap { $0.split(separator: " ") })
    }
}

extension Set<Substring> {
    fileprivate func contains(_ text: String) -> Bool { contains(text[...]) }
}
