import Foundation
import HostCore
import HostPlugins
import TestSupport
import Testing

@Suite struct StatusTests {
    @Test("a call that fails has the plugin's status and message", arguments: Int32(1)...16)
    func known(number: Int32) throws {
        let failure = try #require(
            try LoadedPlugin(fixture: "statuses").call("__call__", "\(number)").failure)
        #expect(failure.status.rawValue == number)
        #expect(failure.message == "as asked")
    }

    @Test(
        "a call that fails with a number outside the list, or with OK, fails with UNKNOWN",
        arguments: [0, 17, -1, 200, Int32.max, .min])
    func unknown(number: Int32) throws {
        let failure = try #require(
            try LoadedPlugin(fixture: "statuses").call("__call__", "\(number)").failure)
        #expect(failure.status == .unknown)
        #expect(failure.message == "as asked")
    }

    @Test("a call that fails with a message that can't be read fails all the same, and is counted")
    func nullMessage() throws {
        let plugin = try LoadedPlugin(fixture: "answers_badly")
        let failure = try #require(try plugin.call("null_message").failure)
        #expect(failure.status == .notFound)
        #expect(failure.message == "(the plugin's message is NULL or over 1 MiB)")
        #expect(plugin.generation.violations.count(.invalidStruct) == 1)
    }

    @Test("the host's status codes have the header's names and numbers")
    func header() throws {
        let header = try String(
            contentsOfFile: Repository.path("Sources/PluginABI/include/backplane_plugin.h"),
            encoding: .utf8)
        let declared = header.matches(of: /BACKPLANE_STATUS_([A-Z_]+) = (\d+)/)
            .map { "\($0.output.1) \($0.output.2)" }
        #expect(declared == StatusCode.allCases.map { "\($0.name) \($0.rawValue)" })
    }
}
