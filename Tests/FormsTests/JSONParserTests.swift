import HostForms
import Testing

/// JSON as it comes from operators: exact, or refused.
@Suite struct JSONParserTests {
    @Test(
        "a value is itself again after it was read and written",
        arguments: [
            "null", "true", "-7", "9223372036854775807", "-9223372036854775808", "1.0", "-0.0",
            "0.1", "1e+300", #""""#, #""é""#, "\"e\u{301}\"", #""\"\\\n\u001f""#, "[]", "{}",
            #"{"a":[1,2.5,{"b":null}],"é":"/"}"#,
        ])
    func exact(text: String) throws {
        #expect(try JSONValue(parsing: text.utf8).text.utf8.elementsEqual(text.utf8))
    }

    @Test(
        "other writings of a value become the usual one",
        arguments: [
            (" [ 1 , 2 ] \n", "[1,2]"), (#""\u00e9\ud83d\ude00\/""#, #""é😀/""#),
            ("1E2", "100.0"), ("-0", "-0.0"),
        ])
    func usual(text: String, usual: String) throws {
        #expect(try JSONValue(parsing: text.utf8).text == usual)
    }

    @Test(
        "what would become something else is refused, with its place",
        arguments: [
            ("18446744073709551615", "1:1: the configuration is 18446744073709551615: it must be"),
            (#"{"a": [1, 9223372036854775808]}"#, "1:11: a[1] is 9223372036854775808: it must be"),
            ("1e400", "1:1: the configuration is 1e400: it must be"),
            ("1e-400", "1:1: the configuration is 1e-400: it must be"),
            (#"{"a": 1, "a": 1}"#, "1:10: the key a twice"),
            ("{\"b\": {\"\u{e9}\": 1,\n \"e\u{301}\": 2}}", "2:2: b has two keys that Unicode"),
        ])
    func inexact(text: String, reason: String) {
        let error = #expect(throws: ConfigurationError.self) { try JSONValue(parsing: text.utf8) }
        #expect(error?.description.hasPrefix(reason) == true, "\(error?.description ?? "")")
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\" 1}", "{a: 1}", "01", "1.", ".5", "+1", "1e", "nul", "\"\\x\"",
            "\"\n\"", #""\ud800""#, #""\udc00\ud800""#, "1 2", "\u{FEFF}1", "NaN", "--1", "-",
        ])
    func noJSON(text: String) {
        let error = #expect(throws: ConfigurationError.self) { try JSONValue(parsing: text.utf8) }
        #expect(error?.code == .noJSON)
    }

    @Test("bytes that are no UTF-8, and depth without end, are refused")
    func bytes() {
        #expect(throws: ConfigurationError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: ConfigurationError.self) { try JSONValue(parsing: deep.utf8) }
    }

    @Test("texts are equal when their bytes are, as values and as keys; 1 and 1.0 are not")
    func equality() {
        #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
        #expect(JSONValue.object(["\u{e9}": 1]) != .object(["e\u{301}": 1]))
        #expect(JSONValue.object(["\u{e9}": 1]) == .object(["\u{e9}": 1]))
        #expect(JSONValue.integer(1) != .number(1))
    }
}
