internal import FoundationEssentials

/// The keys of those that may sign tokens: a JWK set (RFC 7517).
package struct TokenKeySet: Sendable {
    package let keys: [TokenKey]

    /// What is wrong with a set, as it continues its name. Tells nothing of the content: secrets may be among it.
    package struct Unusable: Error, CustomStringConvertible {
        package let description: String
    }

    private struct Written: Decodable {
        let keys: [Readable]
    }

    /// A key that isn't understood is passed over, as section 5 of the RFC has it.
    private struct Readable: Decodable {
        let key: TokenKey.Written?

        init(from decoder: any Decoder) throws {
            key = try? TokenKey.Written(from: decoder)
        }
    }

    /// - Parameter algorithms: those that are allowed; a key of which none is left is passed over.
    /// - Throws: ``Unusable`` when there is no key left.
    package init(_ json: [UInt8], algorithms: [String]) throws(Unusable) {
        guard let written = try? JSONDecoder().decode(Written.self, from: Data(json)) else {
            throw Unusable(description: "is not a JWK set: {\"keys\": [...]}")
        }
        guard TokenJSON(json) != nil else {
            throw Unusable(description: "has a member twice, of which one would count")
        }
        keys = written.keys.compactMap(\.key).flatMap(TokenKey.keys)
            .filter { algorithms.contains($0.algorithm) }
        guard !keys.isEmpty else {
            throw Unusable(
                description:
                    "has no key that can be used with \(algorithms.joined(separator: ", "))")
        }
    }

    /// Those that may have signed a token.
    package func candidates(for token: JSONWebToken) -> [TokenKey] {
        keys.filter { key in
            key.algorithm.isSame(as: token.algorithm)
                && token.keyID.map { key.id?.isSame(as: $0) == true } ?? true
        }
    }
}
