import HostCore
import HostPlugins
import TestSupport
import Testing

/// Responses in parts.
@Suite struct StreamTests {
    private let plugin: LoadedPlugin

    init() throws {
        plugin = try LoadedPlugin(fixture: "streams")
    }

    @Test("parts arrive in order, and then the end")
    func sync() throws {
        let call = try plugin.call("sync", "3")
        #expect(call.partTexts == ["part 0\n", "part 1\n", "part 2\n"])
        #expect(call.parts.allSatisfy { $0.contentType == "text/plain" })
        #expect(call.text == "end\n")
    }

    @Test("parts written from the plugin's own thread arrive in order, and then the end")
    func async() async throws {
        let call = try plugin.call("__call__", "1000")
        try await call.finished()
        #expect(call.partTexts == (0..<1000).map { "part \($0)\n" })
        #expect(call.text == "end\n")
        #expect(plugin.generation.violations.total == 0)
    }

    @Test("a stream whose caller goes away is told to stop, and ends")
    func cancelled() throws {
        let call = try plugin.run(TestCall("1000", wantedParts: 2), "sync")
        #expect(call.parts.count == 2)
        #expect(call.failure?.status == .cancelled)
        #expect(call.failure?.message == "the stream was stopped")
    }

    @Test("a stream that breaks off ends with the plugin's status")
    func breaks() throws {
        let call = try plugin.call("breaks")
        #expect(call.partTexts == ["part 0\n"])
        #expect(call.failure?.status == .internal)
        #expect(call.failure?.message == "broke")
    }

    @Test("a method that is INLINE may not write")
    func inline() throws {
        let call = try plugin.call("inline")
        #expect(call.text == "\(StatusCode.failedPrecondition.rawValue)")
        #expect(call.parts.isEmpty)
    }
}
