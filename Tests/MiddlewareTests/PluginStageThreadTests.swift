import Backplane
import Foundation
import HostConfigurationFiles
import HostDeployment
import HostForms
import HostPipeline
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

/// Where a plugin's stage runs, and that it never runs twice for one request, with real libraries, clients and
/// deadlines.
@Suite struct PluginStageThreadTests {
    private static func plugins(_ others: String...) throws -> [String: String] {
        var plugins = ["libchecker.so": try Fixture.library("stage_checker")]
        for name in others { plugins["lib\(name).so"] = try Fixture.library(name) }
        return plugins
    }

    /// What the checker says, when all that went on at its stages has ended.
    private static func report(_ host: TestHost) async throws -> (faults: String, thread: String) {
        try await Eventually.value {
            let words = try await host.http.call("checker").text.split(
                separator: " ", maxSplits: 3)
            guard words.count == 4, words[0] == words[1], words[0] != "0" else { return nil }
            return (String(words[2]), String(words[3]))
        }
    }

    @Test("clients that leave and deadlines end streams that two threads write, behind stages")
    func streamsThatEnd() async throws {
        try await TestHost.run(
            plugins: Self.plugins("writes_together"),
            manifests: [
                "writes_together":
                    "{max_concurrent_queries: 16, middleware: [checker, compression, access-log]}"
            ]
        ) { host in
            let port = host.port
            let head =
                "POST /writes_together HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n"
                + "content-length: 9\r\n"
            let ended = NIOLockedValueBox(0)
            // A sanitizer makes the plugin's two threads so slow that they leave nothing for other tests.
            let rounds = Sanitizer.current == nil ? 10 : 2
            let clients = (0..<8).map { index -> @Sendable () -> Void in
                {
                    for _ in 0..<rounds {
                        guard let socket = try? RawSocket(port: port) else { continue }
                        let deadline =
                            index.isMultiple(of: 2) ? "" : "x-request-timeout-seconds: 0.004\r\n"
                        try? socket.send("\(head)\(deadline)\r\n999999999")
                        // Some bytes; or all until the host breaks the stream off.
                        if index.isMultiple(of: 2) {
                            _ = socket.receive { !$0.isEmpty }
                        } else {
                            _ = socket.isClosedByPeer()
                        }
                        ended.withLockedValue { $0 += 1 }
                    }
                }
            }
            await onThreads(clients)
            #expect(ended.withLockedValue { $0 } == 8 * rounds)
            // And a stream that is left alone is whole.
            let whole = try await host.http.call(
                "writes_together", nil, "500", headers: ["Accept-Encoding": "gzip"])
            let text = try #require(Zlib.unpack(.init(bytes: whole.body)))
            let lines = text.text.split(separator: "\n").map(String.init)
            #expect(text.isWhole && lines.last == "end")
            for name in ["a", "b"] {
                #expect(
                    lines.filter { $0.hasPrefix("\(name) ") } == (0..<500).map { "\(name) \($0)" })
            }
            #expect(try await Self.report(host).faults == "0")
        }
    }

    @Test("the answer to a call whose deadline has passed meets a plugin's stage on no clock")
    func deadlines() async throws {
        try await TestHost.run(
            plugins: Self.plugins("never_finishes_async"),
            manifests: [
                "never_finishes_async": "{request_timeout: 50ms, middleware: [checker]}"
            ]
        ) { host in
            #expect(try await host.http.call("never_finishes_async").status == 504)
            let report = try await Self.report(host)
            #expect(report.faults == "0" && !report.thread.hasPrefix("NIO"), "\(report.thread)")
        }
    }

    @Test("so does one that timeout ends, in front of which the plugin's stage stands")
    func timeouts() async throws {
        try await TestHost.run(plugins: Self.plugins("never_finishes_async")) { host in
            try await host.apply("middleware: [checker, timeout: {after: 50ms}]")
            #expect(try await host.http.call("never_finishes_async").status == 504)
            // The report's own call is at the stage, too, and has not ended.
            let words = try await host.http.call("checker").text.split(separator: " ", maxSplits: 3)
            #expect(!words[3].hasPrefix("NIO") && words[2] == "0", "\(words[3])")
        }
    }

    @Test("a handle's call, which a task makes, meets a plugin's stage on the library's thread")
    func handles() async throws {
        try await TestHost.run(
            plugins: Self.plugins("metadata"), manifests: ["metadata": "middleware: [checker]"]
        ) { host in
            _ = try await host.host.handle("metadata").remote().text()
            #expect(try await Self.report(host).faults == "0")
        }
    }

    // MARK: The making of stages

    @Test("while a plugin makes a stage, other changes are made; then the one that needs it, too")
    func slowCreate() async throws {
        var plugins = try Self.plugins()
        plugins["libecho.so"] = Repository.product("libecho.so")
        try await TestHost.run(plugins: plugins) { host in
            let file = host.directory.file("go")
            let (operations, control) = (host.operations, host.host.control)
            async let slow = operations.apply(
                "middleware: [checker: \(file)]\nbackends: {staged: {plugin: echo}}")
            try await Eventually.true { host.log.count(containing: "waits") == 1 }
            _ = try await control.createEndpoint(
                "other", backend: "echo", route: "/other", methods: nil)
            #expect(try await host.http.call("other").status == 200)
            // Nothing of the change that waits is there yet.
            #expect(await control.backendStatuses().map(\.tag).contains("staged") == false)
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            _ = try await slow
            #expect(await control.backendStatuses().map(\.tag).contains("staged"))
            #expect(try await host.http.call("other").status == 200)
            #expect(await operations.middleware()[0].stages.map(\.name) == ["checker"])
        }
    }

    @Test("a change whose stage comes too late for what it changes is refused, and changes nothing")
    func overtaken() async throws {
        var plugins = try Self.plugins()
        plugins["libecho.so"] = Repository.product("libecho.so")
        try await TestHost.run(plugins: plugins) { host in
            let (file, control) = (host.directory.file("go"), host.host.control)
            _ = try await control.createBackend("b", plugin: "echo", BackendOptions())
            var options = BackendOptions()
            options.middleware = [MiddlewareEntry(name: "checker", options: .string(file))]
            let slow = Task { [options] in _ = try await control.updateBackend("b", options) }
            try await Eventually.true { host.log.count(containing: "waits") == 1 }
            try await control.deleteBackend("b", force: false)
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            await #expect(throws: (any Error).self) { try await slow.value }
            #expect(await control.backendStatuses().map(\.tag).contains("b") == false)
            #expect(await control.chainStatuses().flatMap(\.stages).isEmpty)
        }
    }
}
