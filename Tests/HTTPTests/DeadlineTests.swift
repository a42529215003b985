import Backplane
import HostCore
import TestSupport
import Testing

@Suite(.throttled) struct DeadlineTests {
    @Test("a call that misses its deadline is 504, while others are answered at once")
    func configured() async throws {
        let settings = { (configuration: inout HostConfiguration) in
            configuration.requestTimeout = .seconds(3)
            configuration.drainTimeout = .milliseconds(100)
            configuration.shutdownTimeout = .seconds(1)
        }
        try await TestHost.run(
            plugins: try Plugins.echo(and: "blocks"), configure: settings
        ) { host in
            let wire = try Wire(to: host)
            let start = ContinuousClock.now
            try await wire.send(Requests.call("blocks"))
            for index in 0..<10 {
                let other = try Wire(to: host)
                try await other.send(Requests.call("echo", nil, "\(index)"))
                #expect(try await other.response().text == "\(index)")
            }
            #expect(await wire.isSilent(for: .zero))

            let answer = try await wire.response()
            #expect(ContinuousClock.now - start >= .seconds(3))
            #expect(answer.status == 504)
            #expect(answer.problem?.status == 504)
            #expect(answer.problem?.detail.contains("blocks did not answer") ?? false)
            #expect(!answer.closes)
            try await wire.send(Requests.call("echo", nil, "goes on"))
            #expect(try await wire.response().text == "goes on")
        }
    }

    @Test("the caller may ask for less time than the configuration gives")
    func shortened() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "waits")) { host in
            let gate = try Gate()
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "waits", nil, gate.path, headers: ["X-Request-Timeout-Seconds: 0.2"]))
            // The configuration gives 30 seconds, which is longer than the test waits.
            #expect(try await wire.response().status == 504)
        }
    }

    @Test("the caller can't ask for more time than the configuration gives")
    func extended() async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: "waits"),
            configure: TestHost.setting(\.requestTimeout, .milliseconds(200))
        ) { host in
            let gate = try Gate()
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "waits", nil, gate.path, headers: ["X-Request-Timeout-Seconds: 60"]))
            #expect(try await wire.response().status == 504)
        }
    }

    @Test("a timeout that is none is refused, and the connection goes on")
    func malformed() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for text in ["0", "-1", "nan", "inf", "1e10", "soon", "", "0x10"] {
                try await wire.send(
                    Requests.call("echo", nil, "x", headers: ["X-Request-Timeout-Seconds: \(text)"])
                )
                let answer = try await wire.response()
                #expect(answer.status == 400)
                #expect(answer.problem?.detail.contains("X-Request-Timeout-Seconds") ?? false)
                #expect(!answer.closes)
            }
        }
    }
}
