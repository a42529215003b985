internal import JWTKit
internal import NIOConcurrencyHelpers

/// A key for one algorithm. A token that names another algorithm for the same key finds none.
package final class TokenKey: Sendable {
    private enum Material: Sendable {
        case jwk(JWK)
        case secret(HMACKey, DigestAlgorithm)
    }

    let id: String?
    package let algorithm: String
    private let material: Material
    /// Made when it is first needed: jwt-kit makes it asynchronously.
    private let verifier = NIOLockedValueBox<(any JWTAlgorithm)?>(nil)

    private init(_ id: String?, _ algorithm: String, _ material: Material) {
        self.id = id
        self.algorithm = algorithm
        self.material = material
    }

    /// Whether the signature is one of `signed` by this key. For Swift's pool: a tenth of a millisecond of arithmetic.
    package func verifies(_ signature: [UInt8], of signed: [UInt8]) async -> Bool {
        guard let verifier = try? await makeVerifier() else { return false }
        // Throws for a signature that can't be one.
        return (try? verifier.verify(signature, signs: signed)) ?? false
    }

    private func makeVerifier() async throws -> any JWTAlgorithm {
        if let made = verifier.withLockedValue({ $0 }) { return made }
        // A collection of one: which key fits a token is decided by key id and algorithm, and not by jwt-kit, which
        // falls back to any key, and lets the first token decide for which algorithm a key without one is.
        let collection = JWTKeyCollection()
        switch material {
        case .jwk(let jwk): try await collection.add(jwk: jwk)
        case .secret(let key, let digest): await collection.add(hmac: key, digestAlgorithm: digest)
        }
        let made = try await collection.getKey()
        verifier.withLockedValue { $0 = made }
        return made
    }
}

extension TokenKey {
    package static let algorithms = secretAlgorithms.map(\.name) + publicAlgorithms

    /// All but those with a shared secret, with which whoever verifies can sign, too.
    package static let publicAlgorithms =
        rsaAlgorithms.map(\.rawValue) + curves.map(\.algorithm.rawValue) + ["EdDSA"]

    /// With the least bytes of a key (RFC 7518, section 3.2).
    private static let secretAlgorithms: [(name: String, size: Int, digest: DigestAlgorithm)] = [
        ("HS256", 32, .sha256), ("HS384", 48, .sha384), ("HS512", 64, .sha512),
    ]
    private static let rsaAlgorithms: [JWK.Algorithm] = [
        .rs256, .rs384, .rs512, .ps256, .ps384, .ps512,
    ]
    private static let curves: [(name: String, algorithm: JWK.Algorithm, curve: ECDSACurve)] = [
        ("P-256", .es256, .p256), ("P-384", .es384, .p384), ("P-521", .es512, .p521),
    ]

    /// A key as a JWK set has it. Private parts are not even read.
    struct Written: Decodable {
        let kty: String
        let kid: String?
        let alg: String?
        let use: String?
        let operations: [String]?
        let n: String?
        let e: String?
        let crv: String?
        let x: String?
        let y: String?
        let k: String?

        private enum CodingKeys: String, CodingKey {
            case kty, kid, alg, use, n, e, crv, x, y, k
            case operations = "key_ops"
        }
    }

    /// One key for each algorithm that it may be used with; none if it is not for signatures, or not usable.
    static func keys(of jwk: Written) -> [TokenKey] {
        guard jwk.use == nil || jwk.use == "sig", jwk.operations?.contains("verify") != false else {
            return []
        }
        switch jwk.kty {
        case "RSA": return rsaKeys(of: jwk)
        case "EC": return curveKeys(of: jwk)
        case "OKP": return edwardsKeys(of: jwk)
        case "oct": return secretKeys(of: jwk)
        default: return []
        }
    }

    // Each public key is made once, to see that it can be.

    private static func rsaKeys(of jwk: Written) -> [TokenKey] {
        guard let n = jwk.n, let e = jwk.e,
            (try? Insecure.RSA.PublicKey(modulus: n, exponent: e)) != nil
        else { return [] }
        return rsaAlgorithms.filter { jwk.alg == nil || jwk.alg == $0.rawValue }
            .map { algorithm in
                let key = JWK.rsa(algorithm, identifier: "key", modulus: n, exponent: e)
                return TokenKey(jwk.kid, algorithm.rawValue, .jwk(key))
            }
    }

    private static func curveKeys(of jwk: Written) -> [TokenKey] {
        guard let (_, algorithm, curve) = curves.first(where: { $0.name == jwk.crv }),
            let x = jwk.x, let y = jwk.y, jwk.alg == nil || jwk.alg == algorithm.rawValue,
            isOnCurve(curve, (x, y))
        else { return [] }
        let key = JWK.ecdsa(algorithm, identifier: "key", x: x, y: y, curve: curve)
        return [TokenKey(jwk.kid, algorithm.rawValue, .jwk(key))]
    }

    private static func isOnCurve(_ curve: ECDSACurve, _ point: ECDSAParameters) -> Bool {
        switch curve {
        case .p256: (try? ES256PublicKey(parameters: point)) != nil
        case .p384: (try? ES384PublicKey(parameters: point)) != nil
        default: (try? ES512PublicKey(parameters: point)) != nil
        }
    }

    private static func edwardsKeys(of jwk: Written) -> [TokenKey] {
        // RFC 9864 names the curve in the algorithm; tokens say EdDSA all the same.
        guard jwk.crv == "Ed25519", jwk.alg == nil || jwk.alg == "EdDSA" || jwk.alg == "Ed25519",
            let x = jwk.x, (try? EdDSA.PublicKey(x: x, curve: .ed25519)) != nil
        else { return [] }
        let key = JWK.octetKeyPair(.eddsa, identifier: "key", x: x, y: nil, curve: .ed25519)
        return [TokenKey(jwk.kid, "EdDSA", .jwk(key))]
    }

    /// jwt-kit reads no sets with such keys: these are read here, and used there.
    private static func secretKeys(of jwk: Written) -> [TokenKey] {
        guard let secret = jwk.k.flatMap({ JSONWebToken.decode($0.utf8) }) else { return [] }
        return
            secretAlgorithms
            .filter { secret.count >= $0.size && (jwk.alg == nil || jwk.alg == $0.name) }
            .map { TokenKey(jwk.kid, $0.name, .secret(HMACKey(from: secret), $0.digest)) }
    }
}
