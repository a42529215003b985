import Backplane
import HostDeployment
import TestSupport
import Testing

@Suite(.throttled) struct TimeoutTests {
    /// - Parameter rate: the least one of transfers, in bytes per second. A client's kernel takes some hundred KiB
    ///   that nobody reads, which earn time at that rate.
    private func run(
        idle: Duration = .seconds(60), transfer: Duration = .seconds(60), rate: Int = 1_024,
        plugins: [String: String] = Plugins.echo, manifests: [String: String] = [:],
        _ body: (TestHost) async throws -> Void
    ) async throws {
        let settings = { (configuration: inout HostConfiguration) in
            configuration.idleTimeout = idle
            configuration.transferTimeout = transfer
            configuration.minimumRate = rate
        }
        try await TestHost.run(plugins: plugins, manifests: manifests, configure: settings) {
            try await body($0)
        }
    }

    @Test("a connection without a request is closed after the idle timeout")
    func idle() async throws {
        try await run(idle: .milliseconds(500)) { host in
            let wire = try Wire(to: host)
            let start = ContinuousClock.now
            try await wire.send(Requests.call("echo", nil, "one"))
            #expect(try await wire.response().text == "one")
            let (bytes, end) = await wire.rest()
            #expect(bytes.isEmpty)
            #expect(end == .closed)
            #expect(ContinuousClock.now - start >= .milliseconds(500))
        }
    }

    @Test("each request starts the idle timeout anew")
    func idleAnew() async throws {
        try await run(idle: .milliseconds(1_000)) { host in
            let wire = try Wire(to: host)
            let requests = (0..<5).map { Requests.call("echo", nil, "\($0)") }
            try await wire.send(requests, every: .milliseconds(400))
            #expect(try await wire.answers(5).map(\.text) == ["0", "1", "2", "3", "4"])
        }
    }

    @Test("a connection that never sends anything is closed after the transfer timeout")
    func neverSends() async throws {
        try await run(transfer: .milliseconds(500)) { host in
            let (bytes, end) = await (try Wire(to: host)).rest()
            #expect(bytes.isEmpty)
            #expect(end == .closed)
        }
    }

    // A client that sends its next request as the refusal arrives would take that for its response.
    @Test(
        "a connection that is idle for longer than the transfer timeout is left alone",
        arguments: [nil, "inline"])
    func idleLongerThanTransfer(method: String?) async throws {
        try await run(transfer: .milliseconds(300)) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", method, "one"))
            #expect(try await wire.response().text == "one")
            #expect(await wire.isSilent(for: .milliseconds(1_200)))
            try await wire.send(Requests.call("echo", method, "two"))
            #expect(try await wire.response().text == "two")
        }
    }

    @Test("a head that doesn't end in time is answered 408", arguments: [0, 1])
    func slowHead(before: Int) async throws {
        try await run(transfer: .milliseconds(500)) { host in
            let wire = try Wire(to: host)
            for _ in 0..<before {
                try await wire.send(Requests.call("echo", nil, "before"))
                #expect(try await wire.response().text == "before")
            }
            try await wire.send("POST /echo HTTP/1.1\r\nHost: te")
            let answer = try await wire.response()
            #expect(answer.status == 408)
            #expect(answer.problem?.status == 408)
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a head that trickles in is answered 408 all the same")
    func tricklingHead() async throws {
        try await run(transfer: .milliseconds(700)) { host in
            let wire = try Wire(to: host)
            try await wire.send("POST /echo HTTP/1.1\r\n")
            async let sending: Void = wire.send(
                (0..<50).map { "X-\($0): x\r\n" }, every: .milliseconds(100))
            #expect(try await wire.response().status == 408)
            try await sending
        }
    }

    @Test(
        "a body that doesn't end in time is answered 408",
        arguments: ["Content-Length: 100", "Transfer-Encoding: chunked"])
    func stalledBody(framing: String) async throws {
        try await run(transfer: .milliseconds(500)) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("echo", nil, headers: [framing]) + "5\r\nhello")
            let answer = try await wire.response()
            #expect(answer.status == 408)
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a slow body above the minimum rate arrives")
    func slowBody() async throws {
        try await run(transfer: .milliseconds(1_500)) { host in
            let wire = try Wire(to: host)
            let piece = String(repeating: "x", count: 2_048)
            try await wire.send(Requests.call("echo", nil, headers: ["Content-Length: 20480"]))
            // Three seconds: twice of what a body gets that earns nothing.
            try await wire.send(
                [String](repeating: piece, count: 10), every: .milliseconds(300))
            #expect(try await wire.response().body.count == 20_480)
        }
    }

    @Test("a call that takes longer than all timeouts is answered")
    func longCall() async throws {
        try await run(
            idle: .milliseconds(300), transfer: .milliseconds(300),
            plugins: try Plugins.echo(and: "blocks")
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("blocks", "sleep", "1500"))
            #expect(try await wire.response().text == "slept")
        }
    }

    @Test("a client that doesn't read its answer is cut off, and disturbs nobody")
    func unreadAnswer() async throws {
        try await run(
            transfer: .milliseconds(500), rate: 4 << 20,
            plugins: try Plugins.echo(and: "big_answer")
        ) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.call("big_answer"))
            _ = try await wire.bytes(100)
            try await Eventually.true(within: .seconds(10)) {
                let other = try await host.http.call("echo", nil, "quick")
                #expect(other.text == "quick")
                return host.log.count(containing: "did not read its answer") == 1
            }
            let (bytes, end) = await wire.rest()
            #expect(end != .silent)
            #expect(bytes.count < 10 << 20)
        }
    }

    @Test(
        "a client that reads slowly but steadily gets all of its answer", arguments: ["1.0", "1.1"])
    func slowReader(version: String) async throws {
        try await run(
            idle: .milliseconds(500), transfer: .seconds(1),
            plugins: try Plugins.echo(and: "big_answer")
        ) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.make("GET", "/big_answer", version: version))
            #expect(try await wire.response(pause: .milliseconds(250)).body == Bytes.bigAnswer)
            #expect(host.log.count(containing: "did not read its answer") == 0)
        }
    }

    @Test("a stream may pause for longer than all timeouts after its client was slow")
    func pausingStream() async throws {
        try await run(
            idle: .milliseconds(500), transfer: .milliseconds(500),
            plugins: try Plugins.echo(and: "floods")
        ) { host in
            let gate = try Gate()
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.call("floods", nil, "100 \(gate.path)"))
            let start = try await wire.bytes(99 * (64 << 10))
            try await wire.putBack(start)
            try await Task.sleep(for: .milliseconds(1_500))
            gate.open()
            #expect(try await wire.response().body.count == 100 * (64 << 10))
        }
    }

    @Test("the plugin learns that a client which doesn't read its stream was cut off")
    func unreadStream() async throws {
        try await run(
            transfer: .milliseconds(500), rate: 4 << 20,
            plugins: try Plugins.echo(and: "floods")
        ) { host in
            let wire = try Wire(to: host, receiveBuffer: 128 << 10)
            try await wire.send(Requests.call("floods", nil, "1000"))
            try await Eventually.true {
                try await host.http.call("floods", "progress").text.hasSuffix(" 1")
            }
            #expect(await wire.end() != .silent)
        }
    }

    /// The kernel takes a part of the last one, and what is left may be so little that the channel counts as writable.
    /// How much that is depends on the moment, so there are many.
    @Test("a stream whose client has left little of a part untaken is cut off like any other")
    func unreadRest() async throws {
        try await run(
            transfer: .seconds(3), rate: 4 << 20,
            plugins: try Plugins.echo(and: "floods"),
            manifests: ["floods": "max_concurrent_queries: 60"]
        ) { host in
            let wires = try (0..<60).map { _ in try Wire(to: host, receiveBuffer: 128 << 10) }
            for wire in wires { try await wire.send(Requests.call("floods", nil, "1000x256")) }
            try await Eventually.true { try await host.status(of: "floods")?.calls.running == 60 }
            try await Eventually.true { try await host.status(of: "floods")?.calls.running == 0 }
            for wire in wires { #expect(await wire.end() != .silent) }
        }
    }
}
