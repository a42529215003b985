import HostCore
import HostState
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct HeaderNameTests {
    @Test(
        "names differ in the case of ASCII letters at most",
        arguments: [
            ("", "", true), ("Date", "date", true), ("X-REQUEST-id", "x-Request-ID", true),
            ("access-control-allow-origin", "Access-Control-Allow-Origin", true),
            ("te", "td", false), ("te", "te ", false), ("", "a", false),
            // They differ in one bit, as letters of two cases do.
            ("a@", "a`", false), ("a[", "a{", false), ("caf\u{C9}", "caf\u{E9}", false),
        ])
    func equality(first: String, second: String, areEqual: Bool) {
        #expect(HeaderName.areEqual(first, second) == areEqual)
        #expect(HeaderName.areEqual(second, first) == areEqual)
    }
}
