import Foundation
import HostCore
import HostPipeline
import TestSupport
import Testing

@Suite(.throttled) struct PipeliningTests {
    @Test("slow and fast, inline and worker requests in one write are answered in order")
    func mixed() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let wire = try Wire(to: host)
            let requests = [
                Requests.call("echo", "inline", "0"),
                Requests.call("blocks", "sleep", "200"),
                Requests.call("echo", "inline", "2"),
                Requests.call("echo", nil, "3"),
                Requests.make("GET", "/nowhere"),
                Requests.call("blocks", "sleep", "50"),
                Requests.make("GET", "/-/healthz"),
                Requests.call("echo", "upper", "seven"),
            ]
            try await wire.send(requests.joined())
            let answers = try await wire.answers(requests.count)
            #expect(answers.map(\.status) == [200, 200, 200, 200, 404, 200, 200, 200])
            #expect(
                answers.map { $0.status == 200 ? $0.text : "" }
                    == ["0", "slept", "2", "3", "", "slept", "success", "SEVEN"])
        }
    }

    @Test("an INLINE method that answers a request which a stage held up lets the next one in")
    func heldUp() async throws {
        let stage = ClosureStage { request, sink, next in
            guard request.headers.contains(name: "x-hold") else {
                return next.proceed(request, for: sink)
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) {
                next.proceed(request, for: sink)
            }
        }
        try await TestHost.run(
            plugins: try Plugins.echo(), configure: ClosureStage.around(stage)
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", "inline", "one", headers: ["x-hold: 1"])
                    + Requests.call("echo", "inline", "two") + Requests.call("echo", nil, "three"))
            #expect(try await wire.answers(3).map(\.text) == ["one", "two", "three"])
        }
    }

    @Test(
        "thousands of pipelined requests are all answered, in order",
        arguments: [("inline", 10_000), ("upper", 2_000)])
    func thousands(method: String, count: Int) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let requests = (0..<count).map { Requests.call("echo", method, "\($0)") }.joined()
            async let sending: Void = wire.send(requests)
            let answers = try await wire.answers(count)
            try await sending
            #expect(answers.map(\.text) == (0..<count).map(String.init))
        }
    }

    @Test("large answers to pipelined requests are whole, and in order")
    func largeAnswers() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let bodies = (0..<40).map { String(repeating: "\($0 % 10)", count: 100_000 + $0) }
            let requests = bodies.enumerated().map { index, body in
                Requests.call("echo", index.isMultiple(of: 2) ? "inline" : nil, body)
            }
            async let sending: Void = wire.send(requests.joined())
            for body in bodies { #expect(try await wire.response().text == body) }
            try await sending
        }
    }

    @Test("nothing behind a request that closes the connection is answered")
    func behindLast() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, "last", headers: ["Connection: close"])
                    + Requests.call("echo", nil, "never"))
            #expect(try await wire.response().text == "last")
            let (bytes, end) = await wire.rest()
            #expect(bytes.isEmpty)
            #expect(end == .closed)
        }
    }

    @Test(
        "a malformed request behind a good one is refused after that one is answered",
        arguments: [16, 100_000])
    func malformedBehindGood(size: Int) async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("blocks", "sleep", "200") + Requests.call("echo", "inline", "second")
                    + String(repeating: "\u{1}", count: size))
            #expect(try await wire.response().text == "slept")
            #expect(try await wire.response().text == "second")
            let refusal = try await wire.response()
            #expect(refusal.status == 400)
            #expect(refusal.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test(
        "a client that pipelines without reading is held back, and served when it reads",
        .enabled(if: Repository.hasProgram),
        arguments: [nil, "inline"])
    func withoutReading(method: String?) async throws {
        let host = try await HostProcess(plugins: Plugins.echo)
        let wire = try Wire(to: host.port, receiveBuffer: 128 << 10)
        let request = Array(
            Requests.call("echo", method, String(repeating: "x", count: 1_000)).utf8)
        let before = try Memory.peak(of: host.pid)

        let limit = 256 << 20
        let sent = try await wire.sendUntilBlocked(request, limit: limit)
        #expect(sent < limit / 4)
        let grown = try Memory.peak(of: host.pid) - before
        // AddressSanitizer keeps what was freed.
        let bound = Sanitizer.current == nil ? 32 << 20 : 128 << 20
        #expect(grown < bound, "the host grew by \(grown >> 20) MiB")

        let others = try await host.http.call("echo", nil, "meanwhile")
        #expect(others.text == "meanwhile")
        for _ in 0..<sent / request.count {
            #expect(try await wire.response().body.count == 1_000)
        }
    }
}
