import HostControl
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
            ("", "begins with /"), ("echo", "begins with /"), ("*", "begins with /"),
            ("http://host/echo", "begins with /"), ("/echo*", "* only at its end"),
            ("/*/x", "* only at its end"), ("/**", "* only at its end"), ("/a/*/*", "* only at"),
            ("/a b", "visible ASCII"), ("/a\n", "visible ASCII"), ("/\u{E9}", "visible ASCII"),
            ("/a?b=1", "no ? or #"), ("/a#b", "no ? or #"), ("/-", "below /-"),
            ("/-/", "below /-"), ("/-/*", "below /-"), ("/-/routes", "below /-"),
            ("/-/x/*", "below /-"),
        ])
    func invalid(text: String, rule: String) {
        let error = #expect(throws: ControlError.self) { try RoutePattern(text) }
        #expect(error?.code == .invalidRoute)
        #expect(error?.message.hasPrefix("\(text) can't be a route") ?? false)
        #expect(error?.message.contains(rule) ?? false, "\(error?.message ?? "")")
    }
}
