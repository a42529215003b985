import Backplane
import Foundation
import HostDeployment
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// A host under everything at once: clients that leave in every state, deadlines, reloads, changes, and every stage on.
///
/// `BACKPLANE_CHAOS_SECONDS` says for how long (`make chaos` an hour), `BACKPLANE_CHAOS_SEED` what is drawn. A crash
/// ends the process; the sanitizers see the rest.
@Suite(.serialized) struct ChaosTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let duration = Duration.seconds(
        Double(environment["BACKPLANE_CHAOS_SECONDS"] ?? "") ?? 4)
    private static let seed =
        UInt64(environment["BACKPLANE_CHAOS_SEED"] ?? "") ?? UInt64.random(in: 0..<1_000_000)
    private static let clients = 12

    @Test("a client that stays gets its response whole, and nothing is left at the end")
    func chaos() async throws {
        let plugins = try Self.plugins()
        try await TestHost.run(
            plugins: plugins.mapValues { $0[0] },
            manifests: Self.manifests,
            configure: {
                $0.maxQueuedRequests = 10_000
                $0.shutdownTimeout = .seconds(60)
                $0.maxRetiredGenerations = 100_000
            }
        ) { host in
            print("chaos: seed \(Self.seed), \(Self.duration)")
            try await host.operations.apply(Self.configuration(0))
            for name in Self.manifests.keys {
                _ = try await host.wait(for: name) { $0.state == .serving }
            }

            let run = ChaosRun(port: host.port, seed: Self.seed, clients: Self.clients)
            run.start()
            let end = ContinuousClock.now + Self.duration
            var generator = SplitMix64(seed: Self.seed)
            var changes = 0
            while ContinuousClock.now < end, run.failures.isEmpty {
                try await Self.change(host, plugins, changes, using: &generator)
                changes += 1
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...60, using: &generator)))
            }
            run.end()
            try await Eventually.true(within: .seconds(90)) { run.hasEnded }
            #expect(run.failures == [])

            // Nobody calls any more: nothing may be left of the calls, whoever left them.
            for name in Self.manifests.keys {
                let status = try await host.wait(for: name, timeout: .seconds(60)) {
                    $0.calls.running == 0 && $0.calls.waiting == 0 && $0.drainingGenerations.isEmpty
                }
                #expect(status.state == .serving)
                // A stage that a busy machine gives no time to decide in counts as one that left a request undecided.
                if name != "stage" { #expect(status.calls.misuses == 0, "\(name)") }
            }
            #expect(try await host.http.call("echo", nil, "still here").text == "still here")
            print("chaos: \(changes) changes; \(run.summary)")
        }
    }

    /// One thing that an operator or a developer does.
    private static func change(
        _ host: TestHost, _ plugins: [String: [String]], _ number: Int,
        using generator: inout SplitMix64
    ) async throws {
        let (file, versions) = plugins.randomElement(using: &generator)!
        let name = String(file.dropFirst(3).dropLast(3))
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: _ = try await host.operations.reload(name)
        case 1:
            try Fixture.place(
                versions.randomElement(using: &generator)!, as: file, in: host.pluginsDirectory)
        case 2 where name != "stage": _ = try await host.operations.restart(name, replica: nil)
        case 3:
            try host.writeManifest(
                "batches", "max_batch_size: \(1 + number % 8)\nnum_replicas: \(1 + number % 3)\n")
        default: try await host.operations.apply(configuration(number))
        }
    }

    /// By file name, the versions that take each other's place.
    private static func plugins() throws -> [String: [String]] {
        [
            "libecho.so": [Repository.product("libecho.so")],
            "libcounting.so": try ["1", "2"].map {
                try Fixture.library("counting", defines: ["VERSION=\"\($0)\""])
            },
            "libstreams.so": [try Fixture.library("streams")],
            "libtwo_writers.so": [try Fixture.library("two_writers")],
            "libfloods.so": [try Fixture.library("floods")],
            "libblocks.so": [try Fixture.library("blocks")],
            "libbatches.so": [try Fixture.library("batches")],
            "libstage.so": try ["1", "2"].map {
                try Fixture.library("stage", defines: ["VERSION=\"\($0)\"", "METHODS"])
            },
        ]
    }

    private static let manifests = [
        "echo": "num_replicas: 2", "counting": "{}", "streams": "num_replicas: 2",
        "two_writers": "{}",
        "floods": "num_replicas: 2", "blocks": "num_replicas: 2",
        "batches": "max_batch_size: 4\nbatch_wait_timeout: 1ms", "stage": "{}",
    ]

    /// All stages are on in each of these; what changes are their options, their order and the traffic.
    private static func configuration(_ number: Int) -> String {
        let compression =
            "compression: {min_size: \(1 + number % 3 * 100), level: \(1 + number % 9)}"
        let cors =
            "cors: {allow_origins: [\"https://\(number % 2).example.com\"], allow_methods: [\"*\"]}"
        let outer = number % 2 == 0 ? [compression, cors] : [cors, compression]
        return """
            middleware:
              - access-log: {file: /dev/null}
              - request-id
              - \(outer[0])
              - \(outer[1])
              - trusted-host: {allowed_hosts: ["127.0.0.1"]}
              - headers: {response: {set: {x-chaos: "\(number)"}}}
              - rate-limit: {rate: 1000000/s, burst: 1000000}
              - body-limit: {max_size: 8MiB}
              - tracing
              - timeout: {after: 30s}
            backends:
              echo: {plugin: echo, num_replicas: 2}
              guarded:
                plugin: echo
                middleware:
                  - auth: {bearer: {tokens: {chaos: "a-token-that-no-client-has-0123456789"}}}
              staged:
                plugin: echo
                middleware:
                  - stage: {number: \(number % 2)}
              retried:
                plugin: counting
                middleware:
                  - retry
                  - circuit-breaker: {failures: 1000000}
              streams-a: {plugin: streams, num_replicas: \(1 + number % 2)}
              streams-b: {plugin: streams}
            endpoints:
              echo: {route: /echo, traffic: {echo: 1}}
              guarded: {route: /guarded, traffic: {guarded: 1}}
              staged: {route: /staged, traffic: {staged: 1}}
              counting: {route: /counting, traffic: {retried: 1}}
              streams: {route: /streams, traffic: {streams-a: \(number % 2 == 0 ? 1 : 0.5)\(number % 2 == 0 ? "" : ", streams-b: 0.5")}}
            """
    }
}
