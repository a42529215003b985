import HostDeployment
import TestSupport
import Testing

@Suite(.throttled) struct InlineDemotionTests {
    @Test("an inline method that overstays goes to a replica's thread, and list says so")
    func overstays() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "slow_inline")) { host in
            let wire = try Wire(to: host)
            var threads: [String] = []
            // While the replica is still busy with the last call, the next one goes to its thread all the same.
            while try await host.status(of: "slow_inline")?.demotedMethods == [] {
                try await wire.send(Requests.call("slow_inline"))
                threads.append(try await wire.response().text)
            }
            // It takes three calls of 20 ms to be sure, or one that took 100 ms on a busy machine.
            #expect((1...3).contains(threads.count { $0.hasPrefix("NIO") }), "\(threads)")
            for _ in 0..<3 {
                try await wire.send(Requests.call("slow_inline"))
                #expect(try await wire.response().text == "slow_inline")
            }
            #expect(try await host.status(of: "slow_inline")?.demotedMethods == ["__call__"])
            #expect(host.log.count(containing: "method __call__ is marked INLINE") == 1)
        }
    }

    @Test(
        "an inline method that keeps its promise stays where it is",
        .enabled(if: Sanitizer.current == nil, "a sanitizer makes it long by its own doing"))
    func keepsPromise() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for _ in 0..<100 {
                try await wire.send(Requests.call("echo", "inline", "quick"))
                #expect(try await wire.response().text == "quick")
            }
            #expect(try await host.status(of: "echo")?.demotedMethods == [])
        }
    }
}
