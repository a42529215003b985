import Backplane
import Foundation
import HostDeployment
import TestSupport
import Testing

/// What happens to connections when the host is told to end, which is when the body of `TestHost.run` returns.
@Suite(.throttled) struct DrainTests {
    /// Runs `body`, then ends the host; meanwhile, when that takes no connections any more, runs `atTheEnd`.
    private func run<Value: Sendable>(
        _ plugins: [String: String], _ body: (TestHost) async throws -> Value,
        atTheEnd: @escaping @Sendable (Value) async throws -> Void
    ) async throws -> Value {
        let (value, ending) = try await TestHost.run(
            plugins: plugins, configure: TestHost.setting(\.shutdownTimeout, .seconds(20))
        ) { host in
            let value = try await body(host)
            let port = host.port
            let ending = Task {
                try await Eventually.true { (try? Wire(to: port)) == nil }
                try await atTheEnd(value)
            }
            return (value, ending)
        }
        try await ending.value
        return value
    }

    @Test("a call in flight is answered, when no connections are taken any more")
    func callInFlight() async throws {
        let gate = try Gate()
        let body = { @Sendable (host: TestHost) in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("waits", nil, gate.path))
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            return wire
        }
        let wire = try await run(try Plugins.echo(and: "waits"), body) { wire in
            #expect(await wire.isSilent(for: .milliseconds(50)))
            gate.open()
        }
        let answer = try await wire.response()
        #expect(answer.text == "open")
        #expect(answer.closes)
        #expect(await wire.end() == .closed)
    }

    @Test("connections without a request are closed at once")
    func idleConnections() async throws {
        let (wires, start) = try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.shutdownTimeout, .seconds(120))
        ) { host in
            let wires = try (0..<10).map { _ in try Wire(to: host) }
            for wire in wires.dropLast() {
                try await wire.send(Requests.call("echo", nil, "hello"))
                #expect(try await wire.response().text == "hello")
            }
            return (wires, ContinuousClock.now)
        }
        #expect(ContinuousClock.now - start < .seconds(100))
        for wire in wires { #expect(await wire.end() == .closed) }
    }

    @Test("of pipelined requests the one in flight is answered, and the rest is not")
    func pipelined() async throws {
        let gate = try Gate()
        let body = { @Sendable (host: TestHost) in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("waits", nil, gate.path) + Requests.call("echo", nil, "never"))
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            return wire
        }
        let wire = try await run(try Plugins.echo(and: "waits"), body) { wire in
            #expect(await wire.isSilent(for: .milliseconds(50)))
            gate.open()
        }
        let answer = try await wire.response()
        #expect(answer.text == "open")
        #expect(answer.closes)
        let (bytes, end) = await wire.rest()
        #expect(bytes.isEmpty)
        #expect(end == .closed)
    }

    @Test("a request that is arriving is answered")
    func arriving() async throws {
        let body = { @Sendable (host: TestHost) in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: ["Content-Length: 10", "Expect: 100-continue"]))
            #expect(try await wire.response().status == 100)
            return wire
        }
        let wire = try await run(Plugins.echo, body) { try await $0.send("0123456789") }
        #expect(try await wire.response().text == "0123456789")
        #expect(await wire.end() == .closed)
    }

    @Test("an answer that is on its way arrives whole", arguments: ["1.0", "1.1"])
    func answerOnItsWay(version: String) async throws {
        let body = { @Sendable (host: TestHost) in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.make("GET", "/big_answer", version: version))
            let start = try await wire.bytes(1_000)
            try await wire.putBack(start)
            return wire
        }
        let wire = try await run(try Plugins.echo(and: "big_answer"), body) { wire in
            let answer = try await wire.response()
            #expect(answer.body == Bytes.bigAnswer)
        }
        #expect(await wire.end() == .closed)
    }

    @Test("a stream in flight is finished")
    func streamInFlight() async throws {
        let gate = try Gate()
        let body = { @Sendable (host: TestHost) in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("floods", nil, "2 \(gate.path)"))
            let start = try await wire.bytes(1_000)
            try await wire.putBack(start)
            return wire
        }
        let wire = try await run(try Plugins.echo(and: "floods"), body) { _ in gate.open() }
        #expect(try await wire.response().chunks == [64 << 10, 64 << 10, 0])
        #expect(await wire.end() == .closed)
    }

    @Test("a call that takes longer than the host may is cut off, and the plugin learns it")
    func cutOff() async throws {
        let directory = try TemporaryDirectory()
        let settings = { (configuration: inout HostConfiguration) in
            configuration.shutdownTimeout = .seconds(1)
            configuration.drainTimeout = .milliseconds(100)
        }
        let (wire, log) = try await TestHost.run(
            plugins: try Plugins.echo(and: "blocks"), configure: settings
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("blocks", "until_cancelled", directory.file("cancelled")))
            _ = try await host.wait(for: "blocks") { $0.calls.running == 1 }
            return (wire, host.log)
        }
        let (bytes, end) = await wire.rest()
        #expect(bytes.isEmpty)
        #expect(end != .silent)
        #expect(log.text.contains { $0.contains("did not finish") })
        try await Eventually.true {
            FileManager.default.fileExists(atPath: directory.file("cancelled"))
        }
    }
}
