import HostCore
import HostRouting
import Testing

@Suite struct RoutePatternTests {
    @Test(
        "a route is a path, or a path and all below it",
        arguments: [
            "/", "/*", "/echo", "/echo/", "/echo/*", "/a/b.c-d_e~f", "/a/b/*", "/%C3%A9", "//",
            "/-x",
            "/echo/-/x", "/a;b=c,d:e@f!g$h&i'j(k)l+m",
        ])
    func valid(text: String) throws {
        #expect(try RoutePattern(text).description == text)
    }

    @Test(
        "what no path can be, or could be taken for something else, is no route",
        arguments: [
            ("", "begin with /"), ("echo", "begin with /"), ("*", "begin with /"),
            ("http://host/echo", "begin with /"), ("/echo*", "a * may only be"),
            ("/*/x", "a * may only be"), ("/**", "a * may only be"), ("/a/*/*", "a * may only be"),
            ("/a b", "visible ASCII"), ("/a\n", "visible ASCII"), ("/\u{E9}", "visible ASCII"),
            ("/a?b=1", "? or #"), ("/a#b", "? or #"), ("/-", "/-/ is the host's own"),
            ("/-/", "/-/ is the host's own"), ("/-/*", "/-/ is the host's own"),
            ("/-/routes", "/-/ is the host's own"),
            ("/-/x/*", "/-/ is the host's own"),
        ])
    func invalid(text: String, rule: String) {
        let error = #expect(throws: ControlError.self) { try RoutePattern(text) }
        #expect(error?.code == .invalid)
        #expect(error?.message.hasPrefix("\(text.debugDescription) can't be a route") ?? false)
        #expect(error?.message.contains(rule) ?? false, "\(error?.message ?? "")")
    }
}
