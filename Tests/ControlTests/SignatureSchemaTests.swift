import HostForms
import HostTypedCalls
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

@Suite struct SignatureSchemaTests {
    private func schema(_ signature: String) throws -> SignatureSchema {
        var types = NamedTypes()
        try types.declare("Color", as: "enum {red = 3, green}")
        try types.declare("Point", as: "{x: f64, label: string?, color: Color}")
        return SignatureSchema(try Signature(parsing: signature, types: types))
    }

    private func isValid(_ arguments: JSONValue, _ signature: String) throws -> Bool {
        var validator = SchemaValidator()
        let isValid = validator.isValid(arguments, try schema(signature).arguments)
        #expect(
            validator.unknownKeywords.isSubset(of: ["format", "contentEncoding", "prefixItems"]))
        return isValid
    }

    @Test(
        "the arguments' schema takes what the signature takes, and no more",
        arguments: [
            ("(base: f64, exponent: f64)", ["base": 2, "exponent": .number(1.5)], true),
            ("(base: f64, exponent: f64)", [2, 3], true),
            ("(base: f64, exponent: f64)", [2], false),
            ("(base: f64, exponent: f64)", [2, 3, 4], false),
            ("(base: f64, exponent: f64)", ["base": 2], false),
            ("(base: f64, exponent: f64)", ["base": 2, "power": 3], false),
            ("(base: f64, exponent: f64)", 2, false),
            ("(i8)", 127, true), ("(i8)", 128, false), ("(i8)", .number(1.5), false),
            ("(i8)", [5], true),
            ("(u64)", -1, false), ("(i64)", .integer(.min), true), ("(bool)", true, true),
            ("(bool)", 1, false), ("(text: string?)", [:], true), ("(text: string?)", [], true),
            ("(text: string?)", ["text": .null], true), ("(text: string)", ["text": .null], false),
            ("(c: Color)", "green", true), ("(c: Color)", "blue", false),
            ("(p: Point)", ["p": ["x": 1, "color": "red"]], true),
            ("(p: Point)", ["p": ["x": 1]], false),
            ("(p: Point)", ["p": ["x": 1, "color": "red", "y": 2]], false),
            ("(a: [[f64]])", ["a": [[1, 2], [3, 4]]], true), ("(a: [[f64]])", ["a": [1]], false),
            ("(data: bytes(u32), out(4) bytes)", "aGk=", true),
            ("(n: i32 = 1, x: f64)", ["x": 1], true),
            ("(n: i32 = 1, x: f64)", ["n": 1, "x": 1], false),
            ("()", [], true), ("()", [1], false), ("(self)", [:], true),
        ] as [(String, JSONValue, Bool)])
    func arguments(signature: String, arguments: JSONValue, isTaken: Bool) throws {
        #expect(try isValid(arguments, signature) == isTaken)
    }

    @Test(
        "the answer's schema and content type are those of what comes back",
        arguments: [
            ("() -> f64", "application/json", #"{"format":"double","type":"number"}"#),
            ("() -> string", "text/plain; charset=utf-8", #"{"type":"string"}"#),
            (
                "() -> string?", "application/json",
                #"{"anyOf":[{"type":"string"},{"type":"null"}]}"#
            ),
            ("(out(8) bytes)", "application/octet-stream", "{}"),
            (
                "(low: out i8, high: out Color)", "application/json",
                #"{"additionalProperties":false,"properties":{"high":{"enum":["red","green"],"type":"string"},"#
                    + #""low":{"format":"int8","maximum":127,"minimum":-128,"type":"integer"}},"#
                    + #""required":["low","high"],"type":"object"}"#
            ),
        ])
    func answer(signature: String, contentType: String, schema: String) throws {
        let answer = try #require(try self.schema(signature).answer)
        #expect(answer.contentType == contentType)
        #expect(answer.schema.text == schema)
    }

    @Test("nothing comes back from a function that only succeeds or fails")
    func empty() throws {
        #expect(try schema("() -> i32 check(== 0)").answer == nil)
        #expect(try schema("(x: f64)").answer == nil)
    }
}
