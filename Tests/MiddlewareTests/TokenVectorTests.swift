import Foundation
import HostTokens
import Testing

/// The tokens that the standards print, with their keys.
@Suite struct TokenVectorTests {
    struct Vector: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var token: String
        var key: String
        var algorithm: String
        var payload: String
    }

    private static let claims = """
        {"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}
        """

    static let vectors = [
        Vector(
            testDescription: "RFC 7515, A.1",
            token: """
                eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJl\
                eHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cn\
                VlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk
                """,
            key: """
                {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75\
                aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}
                """,
            algorithm: "HS256", payload: claims),
        Vector(
            testDescription: "RFC 7515, A.2",
            token: """
                eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3X\
                OiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB-\
                -f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j\
                zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhW\
                kWywlVmtVrBp0igcN_IoypGlUPQGe77Rw
                """, key: rsaKey, algorithm: "RS256", payload: claims),
        Vector(
            testDescription: "RFC 7515, A.3",
            token: """
                eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5d\
                jxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q
                """,
            key: """
                {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
                """,
            algorithm: "ES256", payload: claims),
        Vector(
            testDescription: "RFC 7515, A.4",
            token: """
                eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1b\
                KPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgz\
                DO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn
                """,
            key: """
                {"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnY\
                G_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2T\
                h-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}
                """,
            algorithm: "ES512", payload: "Payload"),
        Vector(
            testDescription: "RFC 8037, A.4",
            token: """
                eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
                09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg
                """,
            key: """
                {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
                """,
            algorithm: "EdDSA", payload: "Example of Ed25519 signing"),
        Vector(
            testDescription: "RFC 7520, 4.1",
            token: """
                eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEg\
                ZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0a\
                GUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2\
                hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHox\
                nW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmD\
                LJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9\
                UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZW\
                JushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg
                """,
            key: """
                {"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQH\
                PzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBS\
                FKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVf\
                Hd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vni\
                UFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}
                """,
            algorithm: "RS256",
            payload: """
                It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you \
                don't keep your feet, there’s no knowing where you might be swept off to.
                """),
    ]

    static let rsaKey = """
        {"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc\
        S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpa\
        SHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJ\
        H7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}
        """

    private static func set(_ keys: [String]) throws -> TokenKeySet {
        try TokenKeySet(
            Array("{\"keys\":[\(keys.joined(separator: ","))]}".utf8),
            algorithms: TokenKey.algorithms)
    }

    private static func verifies(_ text: String, _ keys: [String]) async throws -> Bool {
        guard let token = JSONWebToken(text) else { return false }
        for key in try set(keys).candidates(for: token) {
            if await key.verifies(token.signature, of: token.signed) { return true }
        }
        return false
    }

    @Test("a standard's token is believed with its key", arguments: vectors)
    func believed(_ vector: Vector) async throws {
        let token = try #require(JSONWebToken(vector.token))
        #expect(String(decoding: token.payload, as: UTF8.self) == vector.payload)
        #expect(try await Self.verifies(vector.token, [vector.key]))
        // Also among all the others.
        #expect(try await Self.verifies(vector.token, Self.vectors.map(\.key)))
        #expect(
            try Self.set([vector.key]).candidates(for: token).map(\.algorithm) == [vector.algorithm]
        )
    }

    @Test("no other key's owner has signed it", arguments: vectors)
    func otherKeys(_ vector: Vector) async throws {
        let others = Self.vectors.map(\.key).filter { $0 != vector.key }
        #expect(try await !Self.verifies(vector.token, others))
    }

    @Test("a token of which any character is changed is refused", arguments: vectors)
    func changed(_ vector: Vector) async throws {
        let bytes = Array(vector.token.utf8)
        // Every one of the short tokens; of the long ones, RSA's arithmetic is not free.
        for index in stride(from: 0, to: bytes.count, by: bytes.count > 400 ? 13 : 3) {
            var changed = bytes
            changed[index] =
                bytes[index] == UInt8(ascii: "B") ? UInt8(ascii: "C") : UInt8(ascii: "B")
            let text = String(decoding: changed, as: UTF8.self)
            let isSame =
                JSONWebToken(text).map { $0.signed } == JSONWebToken(vector.token).map { $0.signed }
                && JSONWebToken(text)?.signature == JSONWebToken(vector.token)?.signature
            #expect(try await Self.verifies(text, [vector.key]) == isSame)
            #expect(isSame == (text == vector.token))
        }
    }

    @Test("a token that is cut off anywhere is refused", arguments: vectors.prefix(1))
    func cut(_ vector: Vector) async throws {
        for count in 0..<vector.token.utf8.count {
            let text = String(vector.token.prefix(count))
            #expect(try await !Self.verifies(text, [vector.key]))
        }
    }

    @Test(
        "what is no token in the strict form is none",
        arguments: [
            "", ".", "..", "a.b.c", "e30.e30.", "e30.e30.AA.AA", "e30.e30.AA==",
            "eyJhbGciOjF9.e30.AA",
            // {"alg":"none"}, the unsecured token of A.5; {"alg":"HS256","crit":["exp"]}.
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.",
            "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl19.e30.AA", "eyJhbGciOiJIUzI1NiJ9.e+0.AA",
            "eyJhbGciOiJIUzI1NiJ9.e30.A", "eyJhbGciOiJIUzI1NiJ9.e30.A A",
            "eyJhbGciOiJIUzI1NiJ9.\(String(repeating: "A", count: 17_000)).AA",
        ])
    func malformed(_ text: String) {
        #expect(JSONWebToken(text) == nil)
    }

    @Test(
        "a header that says something else to another reader is none",
        arguments: [
            #"{"alg":"HS256","alg":"none"}"#, #"{"alg":"HS256","\u0061lg":"none"}"#,
            #"{"alg":"HS256","crit":null}"#, #"{"alg":"HS256","crit":[]}"#,
            #"{"alg":"HS256","crit":{}}"#, #"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            #"{"alg":"HS256","b64":false}"#, #"{"alg":"HS256","kid":null}"#,
            #"{"alg":"HS256","kid":1}"#, #"{"alg":"HS256","typ":1}"#,
            #"{"alg":"HS256","typ":null}"#, #"{"alg":"HS256","typ":"logout+jwt"}"#,
            #"{"alg":null}"#, #"{"ALG":"HS256"}"#, #"["alg","HS256"]"#, #""HS256""#, "{",
            #"{"alg":"HS256"} x"#, "\u{FEFF}{\"alg\":\"HS256\"}",
        ])
    func header(_ json: String) {
        #expect(JSONWebToken("\(Self.encoded(json)).e30.AA") == nil)
        // In another of Unicode's encodings, which some readers of JSON take.
        let wide = json.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        #expect(JSONWebToken("\(Self.encoded(wide)).e30.AA") == nil)
    }

    @Test(
        "a header with white space, and of the usual types, is one",
        arguments: [
            #" { "alg" : "HS256" } "#, #"{"alg":"HS256","typ":"jwt"}"#,
            #"{"alg":"HS256","typ":"application/at+jwt","kid":"","x5t":[{}]}"#,
        ])
    func goodHeader(_ json: String) {
        #expect(JSONWebToken("\(Self.encoded(json)).e30.AA")?.algorithm == "HS256")
    }

    @Test("bits that no byte has are zero", arguments: ["AB", "AAB", "_x", "__9", "AAAAAP"])
    func spareBits(_ text: String) {
        #expect(JSONWebToken("eyJhbGciOiJIUzI1NiJ9.e30.\(text)") == nil)
    }

    private static func encoded(_ text: String) -> String { encoded(Array(text.utf8)) }

    private static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    // MARK: Sets

    @Test(
        "a key that can't be used for signatures is passed over",
        arguments: [
            #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"RSA"}"#,
            #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
            #"{"kty":"OKP","crv":"X25519","x":"AA"}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
            // A secret shorter than the digest would end a debug build of jwt-kit.
            #"{"kty":"oct","k":"c2hvcnQ"}"#,
            #"{"kty":"oct","alg":"HS512","k":"\#(String(repeating: "A", count: 44))"}"#,
            #"{"kty":"new"}"#, #"{"kty":1}"#, "{}", "1", "null",
            rsaKey.replacing("{", with: #"{"use":"enc","#),
            rsaKey.replacing("{", with: #"{"key_ops":["encrypt"],"#),
            rsaKey.replacing("{", with: #"{"alg":"RSA-OAEP","#),
            rsaKey.replacing("{", with: #"{"alg":"HS256","#),
        ])
    func unusable(_ key: String) throws {
        #expect(throws: TokenKeySet.Unusable.self) { try Self.set([key]) }
        #expect(try Self.set([key, Self.vectors[2].key]).keys.map(\.algorithm) == ["ES256"])
    }

    @Test(
        "what is no set is an error that tells nothing of it",
        arguments: ["", "[]", "{}", "secret", "{\"keys\":{}}"])
    func noSet(_ text: String) {
        let error = #expect(throws: TokenKeySet.Unusable.self) {
            try TokenKeySet(Array(text.utf8), algorithms: ["RS256"])
        }
        #expect(error?.description == "is not a JWK set: {\"keys\": [...]}")
    }

    @Test("a key without an algorithm is for all of its type that are allowed")
    func allowed() throws {
        func algorithms(_ allowed: [String]) throws -> [String] {
            try TokenKeySet(
                Array("{\"keys\":[\(Self.rsaKey),\(Self.vectors[0].key)]}".utf8),
                algorithms: allowed
            ).keys.map(\.algorithm)
        }
        #expect(try algorithms(["RS256", "PS512", "ES256"]) == ["RS256", "PS512"])
        #expect(try algorithms(["HS256", "RS256"]) == ["RS256", "HS256"])
    }

    @Test("a set with a member twice is none")
    func twice() {
        let key = #"{"kty":"oct","k":"\#(String(repeating: "A", count: 43))","k":"AA"}"#
        #expect(throws: TokenKeySet.Unusable.self) { try Self.set([key]) }
    }

    // MARK: Claims

    private static let noClaims = "the token has no claims, or one of them twice"
    private static let badClaim = "a claim of the token is not what it must be"

    @Test(
        "claims are checked against the clock and the rules",
        arguments: [
            (#"{"exp":100}"#, 99.9, nil), (#"{"exp":100}"#, 109.9, nil),
            (#"{"exp":100}"#, 110, "the token has expired"), (#"{"exp":100.5}"#, 110.4, nil),
            (#"{"exp":253402300799}"#, 1e11, nil), (#"{"exp":-1}"#, 50, "the token has expired"),
            (#"{"exp":1.005e2}"#, 110.4, nil), (#"{}"#, 0, "the token never expires"),
            (#"{"exp":1e300}"#, 0, badClaim), (#"{"exp":253402300800}"#, 0, badClaim),
            (#"{"exp":1e999}"#, 0, noClaims), (#"{"exp":null}"#, 0, badClaim),
            (#"{"exp":"100"}"#, 0, badClaim), (#"{"exp":[100]}"#, 0, badClaim),
            (#"{"exp":100,"nbf":null}"#, 0, badClaim), (#"{"exp":100,"nbf":-1e99}"#, 0, badClaim),
            (#"{"exp":100,"sub":1}"#, 0, badClaim), (#"{"exp":100,"sub":null}"#, 0, badClaim),
            (#"{"exp":100,"aud":[1]}"#, 0, badClaim), (#"{"exp":100,"iss":{}}"#, 0, badClaim),
            (#"{"exp":100,"scope":null}"#, 0, badClaim),
            (#"{"exp":100,"exp":1}"#, 0, noClaims), (#"{"exp":1,"\u0065xp":100}"#, 0, noClaims),
            (#"{"exp":100,"a":{"b":1,"b":2}}"#, 0, noClaims),
            (#"{"exp":100,"a":[{"b":1,"b":2}]}"#, 0, noClaims),
            (#"{"exp":0100}"#, 0, noClaims), (#"{"exp":+100}"#, 0, noClaims),
            (#"{"exp":100}{}"#, 0, noClaims), (#"{"exp":100,}"#, 0, noClaims),
            (#"{"exp":100,"a":"\ud800"}"#, 0, noClaims), ("\u{FEFF}{\"exp\":100}", 0, noClaims),
            (#" {"exp":100, "a": "\ud83d\ude00\n\/"} "#, 0, nil),
            (String(repeating: "[", count: 1_000), 0, noClaims),
            (#"[]"#, 0, noClaims), ("Payload", 0, noClaims), ("", 0, noClaims),
            (#"{"exp":100,"nbf":60}"#, 50, nil),
            (#"{"exp":100,"nbf":60}"#, 49.9, "the token is not valid yet"),
        ] as [(String, Double, String?)])
    func times(_ payload: String, _ now: Double, _ reason: String?) {
        let result = TokenClaims.check(Array(payload.utf8), .init(leeway: 10), at: now)
        #expect(result == (reason.map { .failure(.invalid($0)) } ?? .success(nil)))
    }

    @Test(
        "issuer, audience, subject and scope are checked",
        arguments: [
            (#""iss":"me","aud":"us","sub":"joe","scope":"read write""#, .success("joe")),
            (#""iss":"me","aud":["them","us"],"scope":"write read x""#, .success(nil)),
            (#""iss":"me","aud":"us","scp":["read","write"]"#, .success(nil)),
            (
                #""aud":"us","scope":"read write""#,
                .failure(.invalid("the token has another issuer"))
            ),
            (#""iss":"Me","aud":"us""#, .failure(.invalid("the token has another issuer"))),
            (#""iss":"me""#, .failure(.invalid("the token is for another audience"))),
            // An empty list would end the process, were it jwt-kit that reads it.
            (#""iss":"me","aud":[]"#, .failure(.invalid("the token is for another audience"))),
            (#""iss":"me","aud":"u""#, .failure(.invalid("the token is for another audience"))),
            (#""iss":"me","aud":{}"#, .failure(.invalid(badClaim))),
            // Equal to Swift, and to nobody else: the Kelvin sign.
            (#""iss":"me","aud":"us","scope":"read write","scp":"\u212a""#, .success(nil)),
            (
                #""iss":"me","aud":"us","sub":"joe","scope":"read writer""#,
                .failure(.insufficientScope)
            ),
            (#""iss":"me","aud":"us","sub":"joe""#, .failure(.insufficientScope)),
        ] as [(String, Result<String?, TokenClaims.Refusal>)])
    func rules(_ claims: String, _ expected: Result<String?, TokenClaims.Refusal>) {
        let rules = TokenClaims.Rules(issuer: "me", audience: "us", scope: ["read", "write"])
        let result = TokenClaims.check(Array("{\"exp\":100,\(claims)}".utf8), rules, at: 0)
        #expect(result == expected)
    }
}
