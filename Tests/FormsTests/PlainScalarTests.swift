import Testing

@testable import HostForms

@Suite struct PlainScalarTests {
    @Test(
        "what both versions of YAML read alike is read",
        arguments: [
            ("", .null), ("~", .null), ("null", .null), ("true", .bool(true)),
            ("False", .bool(false)), ("0", .integer(0)), ("-12", .integer(-12)),
            ("+5", .integer(5)), ("0x1F", .integer(31)), ("-0o17", .integer(-15)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("1.5", .number(1.5)), ("-0.25", .number(-0.25)), ("-0", .integer(0)),
            ("0.0", .number(0)), ("-.5", .number(-0.5)), ("1.", .number(1)),
            ("1e3", .number(1_000)), ("09.5", .number(9.5)), ("1E-2", .number(0.01)),
            ("word", .text), ("y", .text), ("nO", .text), ("2ms", .text), ("-", .text),
            ("-a", .text), ("1.2.3", .text), ("127.0.0.1:8000", .text), ("10:99", .text),
            ("2001-12-14x", .text), ("e3", .text), ("1e", .text), (".", .text), ("+", .text),
        ] as [(String, PlainScalar.Resolution)])
    func read(text: String, expected: PlainScalar.Resolution) {
        #expect(PlainScalar.resolve(text) == expected)
    }

    @Test(
        "what they read differently, and numbers that JSON has not, are refused",
        arguments: [
            "yes", "NO", "on", "Off", "010", "-08", "1_000", "0b11", "12:30", "1:00:00.5",
            "2001-12-14", "2001-12-14T21:59:43Z", ".inf", "-.INF", ".nan", "1e999",
            "9223372036854775808", "0xFFFFFFFFFFFFFFFFF",
        ])
    func refused(text: String) {
        guard case .refused = PlainScalar.resolve(text) else {
            Issue.record("\(PlainScalar.resolve(text))")
            return
        }
    }
}
