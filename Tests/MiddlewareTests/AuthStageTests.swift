import Crypto
import Foundation
import HostCore
import TestSupport
import Testing

@Suite struct AuthStageTests {
    /// The subject that the plugin is told, if it is reached.
    private static func subject(
        _ stage: StageTrial, _ request: Request
    ) async -> (status: Int, subjects: [String], challenges: [String], message: String) {
        let answer = await stage.answer(to: request) { request, sink in
            let subjects = request.headers["x-auth-subject"]
            sink.answer("hello", headers: subjects.map { ("subject", $0) })
        }
        func values(_ name: String) -> [String] {
            answer.headers.filter { $0.name == name }.map(\.value)
        }
        return (answer.status, values("subject"), values("www-authenticate"), answer.message)
    }

    private static func bearer(_ token: String, _ more: [(String, String)] = [])
        -> Request
    {
        .make("GET", with: [("Authorization", "Bearer \(token)")] + more)
    }

    // MARK: Static secrets

    private static let both = """
        [auth: {bearer: {tokens: {alice: wonder, bob: builder}}, api_key: {keys: {carol: christmas}}}]
        """

    @Test("whoever shows a secret is let in under the name that has it")
    func secrets() async throws {
        let stage = try StageTrial(Self.both)
        for (headers, name) in [
            ([("Authorization", "Bearer wonder")], "alice"),
            ([("authorization", "bEaReR   builder")], "bob"),
            ([("X-API-KEY", "christmas")], "carol"),
            // Any of them is enough.
            ([("Authorization", "Bearer wrong"), ("x-api-key", "christmas")], "carol"),
            ([("Authorization", "Bearer wonder"), ("x-api-key", "wrong")], "alice"),
            ([("Authorization", "Basic abc"), ("x-api-key", "christmas")], "carol"),
            // Another name from outside is none.
            (
                [("x-api-key", "christmas"), ("X-Auth-Subject", "root"), ("x-auth-subject", "a")],
                "carol"
            ),
        ] {
            let result = await Self.subject(stage, .make("GET", with: headers))
            #expect(result.status == 200)
            #expect(result.subjects == [name])
        }
    }

    @Test(
        "whoever shows none that is known is not",
        arguments: [
            ([], 401, nil), ([("Authorization", "Basic abc")], 401, nil),
            ([("Authorization", "Bearer")], 401, "invalid_token"),
            ([("Authorization", "Bearer wonde")], 401, "invalid_token"),
            ([("Authorization", "Bearer wonderx")], 401, "invalid_token"),
            ([("Authorization", "Bearer Wonder")], 401, "invalid_token"),
            ([("Authorization", "Bearer christmas")], 401, "invalid_token"),
            ([("X-Api-Key", "wonder")], 401, nil), ([("X-Api-Key", "")], 401, nil),
            ([("X-Auth-Subject", "alice")], 401, nil),
            (
                [("Authorization", "Bearer wonder"), ("Authorization", "Bearer wonder")], 400,
                "invalid_request"
            ),
            ([("X-Api-Key", "christmas"), ("X-Api-Key", "x")], 400, "invalid_request"),
        ] as [([(String, String)], Int, String?)])
    func refused(_ headers: [(String, String)], _ status: Int, _ error: String?) async throws {
        let log = TestLog()
        let stage = try StageTrial(Self.both, logger: log.logger)
        let result = await Self.subject(stage, .make("GET", with: headers))
        #expect(result.status == status)
        #expect(result.challenges.count == 2)
        // RFC 6750, section 3.1: no error for whoever sent nothing.
        #expect(result.challenges.first?.hasPrefix("Bearer realm=\"backplane\"") == true)
        #expect(result.challenges.first?.contains("error=") == (error != nil))
        if let error { #expect(result.challenges.first?.contains("error=\"\(error)\"") == true) }
        #expect(result.challenges.last == "ApiKey realm=\"backplane\"")
        #expect(log.text.isEmpty)
        for (_, value) in headers where value.count > 4 { #expect(!result.message.contains(value)) }
    }

    @Test("a handle's call needs no credentials, and is told by those that it has")
    func handles() async throws {
        let stage = try StageTrial(Self.both)
        func call(_ headers: [(String, String)]) -> Request {
            .make(with: headers, origin: .handle)
        }
        #expect(await Self.subject(stage, call([])).status == 200)
        let forged = await Self.subject(stage, call([("x-auth-subject", "root")]))
        #expect(forged.status == 200)
        #expect(forged.subjects == [])
        #expect(await Self.subject(stage, call([("x-api-key", "christmas")])).subjects == ["carol"])
        #expect(await Self.subject(stage, call([("x-api-key", "x")])).status == 401)
        #expect(await Self.subject(stage, call([("authorization", "Bearer x")])).status == 401)
        let strict = try StageTrial(
            "[auth: {bearer: {tokens: {a: b}}, check_handles: true, realm: r 1}]")
        let result = await Self.subject(strict, call([]))
        #expect(result.status == 401)
        #expect(result.challenges == ["Bearer realm=\"r 1\""])
    }

    @Test("a file's secrets hold, until it has changed")
    func file() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("tokens")
        try write("# remark\n\nalice  wonder\r\n\tbob\tbuilder\n", to: path)
        let stage = try StageTrial("[auth: {bearer: {file: \(path)}}]")
        #expect(await Self.subject(stage, Self.bearer("wonder")).subjects == ["alice"])
        #expect(await Self.subject(stage, Self.bearer("builder")).subjects == ["bob"])
        #expect(await Self.subject(stage, Self.bearer("remark")).status == 401)
        try write("carol christmas", to: path)
        // It is looked at every two seconds, by the way of requests.
        try await Eventually.true {
            await Self.subject(stage, Self.bearer("christmas")).status == 200
        }
        #expect(await Self.subject(stage, Self.bearer("wonder")).status == 401)
    }

    @Test(
        "a file that can't be trusted, or read, is refused",
        arguments: [
            ("alice wonder", 0o640, "others than its owner may read PATH: run chmod go-rwx"),
            ("alice wonder", 0o602, "others than its owner may read PATH: run chmod go-rwx"),
            ("alice", 0o600, "PATH:1: a line is a name, which no other line has, and a secret"),
            ("a b\na c", 0o600, "PATH:2: a line is a name, which no other line has, and a secret"),
            ("a b c", 0o600, "PATH:1: a line is a name, which no other line has, and a secret"),
            ("a\u{1} b", 0o600, "PATH:1: a line is a name, which no other line has, and a secret"),
        ])
    func badFile(_ text: String, _ mode: Int, _ error: String) throws {
        let path = try TemporaryDirectory().file("tokens")
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        defer {
            try? FileManager.default.removeItem(
                atPath: (path as NSString).deletingLastPathComponent)
        }
        try write(text, to: path, mode: mode)
        #expect(
            StageTrial.error("[auth: {api_key: {file: \(path)}}]")
                == error.replacing("PATH", with: path))
    }

    @Test("what is no regular file is refused at once", arguments: ["/dev/null", "/nowhere", "/"])
    func noFile(_ path: String) {
        let error = StageTrial.error("[auth: {bearer: {file: \(path)}}]")
        #expect(error?.contains(path) == true)
    }

    // MARK: Signed tokens

    private static let signer = P256.Signing.PrivateKey()
    private static let other = P256.Signing.PrivateKey()

    private static func coordinates(_ key: P256.Signing.PrivateKey, _ kid: String) -> String {
        let point = key.publicKey.rawRepresentation
        let (x, y) = (encode(point.prefix(32)), encode(point.suffix(32)))
        return #"{"kty":"EC","crv":"P-256","kid":"\#(kid)","x":"\#(x)","y":"\#(y)"}"#
    }

    private static func encode(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    private static func token(
        header: String = #"{"alg":"ES256","kid":"1"}"#, _ claims: String,
        by key: P256.Signing.PrivateKey = signer
    ) throws -> String {
        let signed = encode(Data(header.utf8)) + "." + encode(Data(claims.utf8))
        let signature = try key.signature(for: Data(signed.utf8)).rawRepresentation
        return signed + "." + encode(signature)
    }

    private static func claims(_ more: String = "", expires: Double = 3600) -> String {
        let now = Date().timeIntervalSince1970
        return #"{"sub":"joe","iss":"me","aud":["us"],"exp":\#(now + expires)\#(more)}"#
    }

    private static func stage(
        _ directory: TemporaryDirectory, _ keys: [String]? = nil, _ options: String = "",
        log: TestLog = TestLog()
    ) throws -> StageTrial {
        let path = directory.file("jwks.json")
        let keys = keys ?? [coordinates(signer, "1")]
        try write("{\"keys\":[\(keys.joined(separator: ","))]}", to: path)
        return try StageTrial(
            "[auth: {jwt: {jwks_file: \(path), issuer: me, audience: us, leeway: 0\(options)}}]",
            logger: log.logger)
    }

    @Test("a signed token lets its subject in")
    func signed() async throws {
        let directory = try TemporaryDirectory()
        let stage = try Self.stage(directory)
        let result = await Self.subject(
            stage, Self.bearer(try Self.token(Self.claims()), [("x-auth-subject", "root")]))
        #expect(result.status == 200)
        #expect(result.subjects == ["joe"])
        // One without a subject is good, too; what came from outside goes all the same.
        let nobody = try Self.token(#"{"iss":"me","aud":"us","exp":99999999999}"#)
        let second = await Self.subject(stage, Self.bearer(nobody, [("x-auth-subject", "root")]))
        #expect(second.status == 200)
        #expect(second.subjects == [])
    }

    @Test("a forged token is refused, and why is told")
    func forged() async throws {
        let directory = try TemporaryDirectory()
        let log = TestLog()
        let x = Self.encode(Self.signer.publicKey.rawRepresentation.prefix(32))
        let stage = try Self.stage(directory, log: log)
        func hmac(_ key: Data, _ header: String) -> String {
            let signed =
                Self.encode(Data(header.utf8)) + "." + Self.encode(Data(Self.claims().utf8))
            let code = HMAC<SHA256>.authenticationCode(
                for: Data(signed.utf8), using: SymmetricKey(data: key))
            return signed + "." + Self.encode(Data(code))
        }
        let unsigned =
            Self.encode(Data(#"{"alg":"none"}"#.utf8)) + "." + Self.encode(Data(Self.claims().utf8))
        let good = try Self.token(Self.claims())
        let parts = good.split(separator: ".")
        let tokens: [(String, String)] = [
            (try Self.token(Self.claims(), by: Self.other), "no key has signed the token"),
            (try Self.token(Self.claims(expires: -1)), "the token has expired"),
            (
                try Self.token(Self.claims().replacing("\"me\"", with: "\"you\"")),
                "the token has another issuer"
            ),
            (
                try Self.token(Self.claims().replacing("\"us\"", with: "\"them\"")),
                "the token is for another audience"
            ),
            (try Self.token(Self.claims(",\"nbf\":99999999999")), "the token is not valid yet"),
            (
                try Self.token(Self.claims().replacing("joe", with: #"a\r\nb"#)),
                "the token's subject can't stand in a header"
            ),
            // A key that isn't there, and an algorithm that isn't the key's.
            (
                try Self.token(header: #"{"alg":"ES256","kid":"2"}"#, Self.claims()),
                "no key has signed the token"
            ),
            (
                try Self.token(header: #"{"alg":"ES384","kid":"1"}"#, Self.claims()),
                "no key has signed the token"
            ),
            (
                try Self.token(header: #"{"alg":"none","kid":"1"}"#, Self.claims()),
                "no key has signed the token"
            ),
            (
                try Self.token(
                    header: #"{"alg":"ES256","kid":"1","crit":["b64"],"b64":false}"#, Self.claims()),
                "it is no token"
            ),
            // The public key, which everybody knows, as a shared secret: RFC 8725, section 2.1.
            (hmac(Data(x.utf8), #"{"alg":"HS256","kid":"1"}"#), "no key has signed the token"),
            (
                hmac(Self.signer.publicKey.rawRepresentation, #"{"alg":"HS256"}"#),
                "no key has signed the token"
            ),
            (
                hmac(Data(Self.signer.publicKey.pemRepresentation.utf8), #"{"alg":"HS256"}"#),
                "no key has signed the token"
            ),
            (unsigned + ".", "it is no token"), (unsigned + ".AA", "no key has signed the token"),
            // No signature, a short one, zeros (CVE-2022-21449), another token's.
            ("\(parts[0]).\(parts[1]).AA", "no key has signed the token"),
            (
                "\(parts[0]).\(parts[1]).\(Self.encode(Data(count: 64)))",
                "no key has signed the token"
            ),
            (
                "\(parts[0]).\(Self.encode(Data(Self.claims(",\"a\":1").utf8))).\(parts[2])",
                "no key has signed the token"
            ),
            (good + "=", "it is no token"), (good + ".", "it is no token"), ("x", "it is no token"),
        ]
        for (token, reason) in tokens {
            let result = await Self.subject(stage, Self.bearer(token))
            #expect(result.status == 401)
            #expect(result.message == reason)
            #expect(
                result.challenges == [
                    "Bearer realm=\"backplane\", error=\"invalid_token\", error_description=\"\(reason)\""
                ])
        }
        #expect(log.text.isEmpty)
        #expect(await Self.subject(stage, Self.bearer(good)).status == 200)
    }

    @Test("a token without the scope that is asked for is answered 403")
    func scope() async throws {
        let directory = try TemporaryDirectory()
        let stage = try Self.stage(directory, nil, ", scope: [read, write]")
        let poor = await Self.subject(
            stage, Self.bearer(try Self.token(Self.claims(",\"scope\":\"read\""))))
        #expect(poor.status == 403)
        #expect(
            poor.challenges == [
                """
                Bearer realm="backplane", error="insufficient_scope", \
                error_description="the token's scope is not enough", scope="read write"
                """
            ])
        let rich = Self.bearer(try Self.token(Self.claims(",\"scope\":\"write read\"")))
        #expect(await Self.subject(stage, rich).status == 200)
    }

    @Test("shared secrets sign only where the operator says so")
    func sharedSecrets() async throws {
        let directory = try TemporaryDirectory()
        let secret = Data(repeating: 7, count: 32)
        let key = #"{"kty":"oct","k":"\#(Self.encode(secret))"}"#
        #expect(throws: (any Error).self) { try Self.stage(directory, [key]) }
        let stage = try Self.stage(
            directory, [key, Self.coordinates(Self.signer, "1")], ", algorithms: [HS256]")
        let signed =
            Self.encode(Data(#"{"alg":"HS256"}"#.utf8)) + "."
            + Self.encode(Data(Self.claims().utf8))
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(signed.utf8), using: SymmetricKey(data: secret))
        #expect(
            await Self.subject(stage, Self.bearer(signed + "." + Self.encode(Data(code)))).status
                == 200)
        // And the others no longer do.
        #expect(await Self.subject(stage, Self.bearer(try Self.token(Self.claims()))).status == 401)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: directory.file("jwks.json"))
        let path = directory.file("jwks.json")
        #expect(
            StageTrial.error("[auth: {jwt: {jwks_file: \(path), algorithms: [HS256]}}]")
                == "others than its owner may read \(path): run chmod go-rwx")
        try FileManager.default.setAttributes([.posixPermissions: 0o664], ofItemAtPath: path)
        #expect(
            StageTrial.error("[auth: {jwt: {jwks_file: \(path)}}]")
                == "others than its owner may write \(path): run chmod go-w")
    }

    @Test("new keys are found, and a broken file changes nothing")
    func rotation() async throws {
        let directory = try TemporaryDirectory()
        let log = TestLog()
        let stage = try Self.stage(directory, log: log)
        let old = Self.bearer(try Self.token(Self.claims()))
        let new = Self.bearer(
            try Self.token(header: #"{"alg":"ES256","kid":"2"}"#, Self.claims(), by: Self.other))
        #expect(await Self.subject(stage, new).status == 401)
        let path = directory.file("jwks.json")
        try write("{\"keys\":[", to: path)
        try await Eventually.true {
            _ = await Self.subject(stage, new)
            return log.count(containing: "is not a JWK set") == 1
        }
        #expect(await Self.subject(stage, old).status == 200)
        try write("{\"keys\":[\(Self.coordinates(Self.other, "2"))]}", to: path)
        try await Eventually.true { await Self.subject(stage, new).status == 200 }
        #expect(await Self.subject(stage, old).status == 401)
        #expect(log.count(containing: "is not a JWK set") == 1)
    }

    // MARK: Configuration

    @Test(
        "what is wrong in the configuration is told, and never a secret",
        arguments: [
            ("[auth: {}]", "1:8: [0].auth lets nobody in: it needs bearer, api_key or jwt"),
            ("[auth: {bearer: {}}]", "1:17: [0].auth.bearer needs tokens or file"),
            ("[auth: {api_key: {header: x}}]", "1:18: [0].auth.api_key needs keys or file"),
            ("[auth: {jwt: {issuer: x}}]", "1:14: [0].auth.jwt.jwks_file is missing"),
            (
                "[auth: {jwt: {jwks_file: x, algorithms: [none]}}]",
                "1:42: [0].auth.jwt.algorithms[0] is none: it must be one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"
            ),
            (
                "[auth: {bearer: {tokens: {a: [secret]}}}]",
                "1:30: [0].auth.bearer.tokens.a must be a text: a secret"
            ),
            (
                "[auth: {bearer: {tokens: secret}}]",
                "1:26: [0].auth.bearer.tokens must be a mapping from names to secrets"
            ),
            (
                "[auth: {realm: 'a\"b', bearer: {tokens: {a: b}}}]",
                "1:16: [0].auth.realm is \"a\\\"b\": it must be text without quotes"
            ),
        ])
    func configuration(_ yaml: String, _ error: String) {
        #expect(StageTrial.error(yaml) == error)
    }
}

private func write(_ text: String, to path: String, mode: Int = 0o600) throws {
    // A new file in the old one's place, as whoever deploys keys does it.
    try Data(text.utf8).write(to: URL(filePath: path + ".new"))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path + ".new")
    guard rename(path + ".new", path) == 0 else { throw POSIXError(.EIO) }
}
