import Foundation
import TestSupport
import Testing

/// The program in `Examples/OwnMiddleware`.
@Suite struct OwnMiddlewareExampleTests {
    @Test("it runs, and its middleware does what its comments say")
    func runs() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        try Fixture.place(Repository.product("libecho.so"), as: "libecho.so", in: plugins)
        let file = directory.file("backplane.yaml")
        try """
        backends: {echo: {plugin: echo, middleware: [shout: {mark: "!"}]}}
        endpoints: {echo: {route: /echo, traffic: {echo: 1}}}

        """.write(toFile: file, atomically: true, encoding: .utf8)
        let ended = try await Program.run(
            Repository.product("own-middleware"), [plugins, file],
            environment: ["XDG_RUNTIME_DIR": directory.path])
        #expect(ended.errors == "")
        #expect(ended.status == 0)
        let lines = ended.output.split(separator: "\n")
        try #require(lines.count == 2, "\(ended.output)")
        #expect(lines[0] == #"200 ["*"] HELLO!"#)
        #expect(lines[1].hasPrefix(#"403 ["*"] "#))
        #expect(lines[1].contains("there is no such tenant; send a known one in X-Tenant"))
    }
}
