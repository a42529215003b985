import Foundation
import HostDeployment
import TestSupport
import Testing

@Suite(.throttled) struct CancellationTests {
    @Test("a client that goes away cancels its call", arguments: [false, true])
    func running(pipelinesMore: Bool) async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let file = host.directory.file("cancelled")
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("blocks", "until_cancelled", file))
            if pipelinesMore { try await wire.send(Requests.call("echo", nil, "more")) }
            _ = try await host.wait(for: "blocks") { $0.calls.running == 1 }
            #expect(!FileManager.default.fileExists(atPath: file))
            wire.leave()
            try await Eventually.true { FileManager.default.fileExists(atPath: file) }
            _ = try await host.wait(for: "blocks") { $0.calls.running == 0 }
        }
    }

    @Test("a call that still waits is taken out of the queue when its client goes")
    func waiting() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let file = host.directory.file("cancelled")
            let (running, waiting) = (try Wire(to: host), try Wire(to: host))
            try await running.send(Requests.call("blocks", "until_cancelled", file))
            _ = try await host.wait(for: "blocks") { $0.calls.running == 1 }
            try await waiting.send(Requests.call("blocks", "sleep", "0"))
            _ = try await host.wait(for: "blocks") { $0.calls.waiting == 1 }
            waiting.leave()
            _ = try await host.wait(for: "blocks") { $0.calls.waiting == 0 }
            #expect(try await host.status(of: "blocks")?.calls.running == 1)
            running.leave()
            try await Eventually.true { FileManager.default.fileExists(atPath: file) }
        }
    }

    @Test("a request that breaks off in its body never reaches the plugin")
    func unfinishedBody() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let file = host.directory.file("cancelled")
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "blocks", "until_cancelled", headers: ["Content-Length: \(file.utf8.count + 1)"]
                )
                    + file)
            wire.leave()
            #expect(try await host.http.call("blocks", "echo", "free").text == "free")
            #expect(!FileManager.default.fileExists(atPath: file))
        }
    }
}
