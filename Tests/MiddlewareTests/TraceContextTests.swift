import HostCore
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

/// W3C Trace Context; most cases are those of its own test suite.
@Suite struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"

    @Test(
        "a valid traceparent is understood, also that of a later version",
        arguments: [
            ("00-\(trace)-\(span)-00", false), ("00-\(trace)-\(span)-01", true),
            // What other flags mean is not known.
            ("00-\(trace)-\(span)-ff", true), ("00-\(trace)-\(span)-fe", false),
            ("01-\(trace)-\(span)-01", true), ("cc-\(trace)-\(span)-01-what-the-future", true),
            ("fe-\(trace)-\(span)-01-", true),
        ])
    func valid(text: String, isSampled: Bool) throws {
        let context = try #require(TraceContext(traceparent: text))
        #expect(context.traceparent == "00-\(Self.trace)-\(Self.span)-0\(isSampled ? 1 : 0)")
    }

    @Test(
        "a traceparent that is not valid is none",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-", "00-\(trace)-\(span)-0",
            "00-\(trace)-\(span)-001", "00-\(trace)-\(span)-01-", "00-\(trace)-\(span)-01-more",
            "ff-\(trace)-\(span)-01", "cc-\(trace)-\(span)-01.what-the-future",
            "0-\(trace)-\(span)-01", "000-\(trace)-\(span)-01", "0x-\(trace)-\(span)-01",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span.uppercased())-01",
            "CC-\(trace)-\(span)-01", "00-\(trace)-\(span)-0A", "00-\(trace)-\(span)-.0",
            "00-\(trace.dropLast())-\(span)-01", "00-\(trace)0-\(span)-01",
            "00-\(trace)-\(span.dropLast())-01", "00_\(trace)_\(span)_01", " 00-\(trace)-\(span)-1",
            "00-\(trace.dropLast())é-\(span)-0", "00-\(trace)-\(span)-01,00-\(trace)-\(span)-01",
        ])
    func invalid(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("two of them are none")
    func two() {
        let field = ("traceparent", "00-\(Self.trace)-\(Self.span)-01")
        #expect(TraceContext(HeaderFields([field])) != nil)
        #expect(TraceContext(HeaderFields([field, field])) == nil)
        #expect(TraceContext([:]) == nil)
    }

    @Test(
        "a valid tracestate is handed on, with several fields as one",
        arguments: [
            (["foo=1"], "foo=1"), (["foo=1,bar=2"], "foo=1,bar=2"),
            (["foo=1", "bar=2"], "foo=1,bar=2"),
            (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1 \t , \t bar=2, \t baz=3"),
            (["foo=1", ""], "foo=1,"), (["fw529a3039@dt=FfAA"], "fw529a3039@dt=FfAA"),
            (["0t@v=1"], "0t@v=1"), (["a-_*/9=!\"#$%&'()*+-./:;<>?@[]^_`{|}~"], nil),
            (["foo=a b"], "foo=a b"),
            (
                ["\(String(repeating: "z", count: 256))=\(String(repeating: "v", count: 256))"],
                "\(String(repeating: "z", count: 256))=\(String(repeating: "v", count: 256))"
            ),
            (
                [(0..<32).map { "a\($0)=\($0)" }.joined(separator: ",")],
                (0..<32).map { "a\($0)=\($0)" }.joined(separator: ",")
            ),
        ] as [([String], String?)])
    func state(fields: [String], expected: String?) {
        #expect(Self.state(of: fields) == expected ?? fields[0])
    }

    @Test(
        "a tracestate that is not valid is dropped, and the trace goes on",
        arguments: [
            "", ",", "foo", "foo=", "=1", "foo=1=2", "foo=1,foo=2", "Foo=1", "foo =1", "9foo=1",
            "foo bar=1", "föö=1", "foo=é", "foo=\u{7F}", "foo@=1", "@bar=1", "foo@@bar=1",
            "foo@bar@baz=1", "foo@9bar=1", "foo@\(String(repeating: "v", count: 15))=1",
            "\(String(repeating: "t", count: 242))@v=1", "\(String(repeating: "z", count: 257))=1",
            "foo=\(String(repeating: "v", count: 257))",
            (0..<33).map { "a\($0)=\($0)" }.joined(separator: ","),
        ])
    func invalidState(field: String) {
        #expect(Self.state(of: [field]) == nil)
    }

    private static func state(of fields: [String]) -> String? {
        let parent = ("traceparent", "00-\(trace)-\(span)-01")
        return TraceContext(HeaderFields([parent] + fields.map { ("tracestate", $0) }))?.state
    }

    @Test("a child is another span of the same trace")
    func child() throws {
        let context = try #require(TraceContext(traceparent: "00-\(Self.trace)-\(Self.span)-01"))
        let child = context.child()
        #expect(child.traceID == context.traceID)
        #expect(child.parentID != context.parentID)
        #expect(child.isSampled)
    }

    @Test("new traces are valid, different, and say that nothing was recorded")
    func new() {
        let contexts = (0..<1_000).map { _ in TraceContext() }
        #expect(Set(contexts.map(\.traceparent)).count == 1_000)
        #expect(contexts.allSatisfy { TraceContext(traceparent: $0.traceparent) == $0 })
        #expect(contexts.allSatisfy { !$0.isSampled && $0.state == nil })
    }
}
