import Backplane
import Foundation
import HostAdmin
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// What is applied, whatever it is and however its plugins behave, costs no call that was answered before.
@Suite("The apply matrix") struct ApplyMatrixTests {
    /// What the plugin does when it is to start a backend as the new file wants it.
    enum Behaviour: String, CaseIterable {
        case starts, slow, refuse, hang, missing

        var isFit: Bool { self == .starts || self == .slow }
    }

    /// What serves before; each answers at /m.
    static let old = [
        "one backend": """
        backends:
          v1: {plugin: p, user_config: old}
        endpoints:
          m: {route: /m, traffic: {v1: 1}}
        """,
        "two backends": """
        backends:
          v1: {plugin: p, user_config: old}
          v2: {plugin: p, user_config: old, num_replicas: 2}
        endpoints:
          m: {route: /m, traffic: {v1: 0.5, v2: 0.5}}
        """,
        "an autoscaled backend": """
        backends:
          v1: {plugin: p, user_config: old, autoscaling: {min_replicas: 0, max_replicas: 2}}
        endpoints:
          m: {route: /m, traffic: {v1: 1}}
        """,
        "a backend that takes changes while it lives": """
        backends:
          v1: {plugin: q, user_config: old}
        endpoints:
          m: {route: /m, traffic: {v1: 1}}
        """,
    ]

    /// What is applied; PLUGIN and CONFIG stand for the behaviour.
    static let new = [
        "another backend in place": """
        backends:
          new: {plugin: PLUGIN, user_config: CONFIG}
        endpoints:
          m: {route: /m, traffic: {new: 1}}
        """,
        "another configuration": """
        backends:
          v1: {plugin: PLUGIN, user_config: CONFIG}
        endpoints:
          m: {route: /m, traffic: {v1: 1}}
        """,
        "a part to another backend": """
        backends:
          v1: {plugin: p, user_config: old, num_replicas: 2}
          new: {plugin: PLUGIN, user_config: CONFIG, num_replicas: 2}
        endpoints:
          m: {route: /m, traffic: {v1: 0.5, new: 0.5}}
        """,
        "more replicas of another plugin": """
        backends:
          v1: {plugin: q, user_config: old, num_replicas: 2}
          v2: {plugin: PLUGIN, user_config: CONFIG}
        endpoints:
          m: {route: /m, traffic: {v1: 0.1, v2: 0.9}}
          second: {route: /second, traffic: {v2: 1}}
        """,
    ]

    /// Calls an endpoint for as long as `body` runs.
    ///
    /// - Returns: what was answered other than 200.
    private func underLoad(
        _ host: TestHost, _ body: () async throws -> Void
    ) async throws -> [String] {
        let (stop, failures) = (Flag(), NIOLockedValueBox<[String]>([]))
        let calls = NIOLockedValueBox(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    while !stop.isSet {
                        let answer = try await host.http.send("POST", "/m", body: "x")
                        calls.withLockedValue { $0 += 1 }
                        guard answer.status != 200 else { continue }
                        failures.withLockedValue { $0.append("\(answer.status) \(answer.text)") }
                    }
                }
            }
            do {
                try await body()
                // Until calls have come that began after it.
                let then = calls.withLockedValue { $0 }
                try await Eventually.true { calls.withLockedValue { $0 } > then + 6 }
            } catch {
                stop.set()
                throw error
            }
            stop.set()
            try await group.waitForAll()
        }
        return failures.withLockedValue { $0 }
    }

    @Test("no call is lost", arguments: Array(old.keys).sorted())
    func matrix(name: String) async throws {
        let library = try Fixture.library("starts_as_told")
        let reconfigures = try Fixture.library("starts_as_told", defines: ["RECONFIGURES"])
        try await TestHost.run(
            plugins: ["libp.so": library, "libq.so": reconfigures],
            configure: { $0.lifecycleTimeout = .seconds(20) }
        ) { host in
            let before = try #require(Self.old[name])
            let plugin = before.contains("plugin: q") ? "q" : "p"
            for (change, file) in Self.new.sorted(by: { $0.key < $1.key }) {
                for behaviour in Behaviour.allCases {
                    // One that hangs while it takes a change has hung itself, and not a successor.
                    if before.contains("plugin: q"), behaviour == .hang { continue }
                    try await apply(before, to: host)
                    let text =
                        file
                        .replacing("PLUGIN", with: behaviour == .missing ? "nowhere" : plugin)
                        .replacing("CONFIG", with: behaviour.rawValue)
                    let exported = try await host.admin.exportConfiguration()
                    let failures = try await underLoad(host) {
                        let error = await refusal(of: text, by: host, within: behaviour)
                        #expect(
                            (error == nil) == behaviour.isFit,
                            "\(name), \(change), \(behaviour): \(error ?? "")")
                        if let error {
                            #expect(
                                ["new", "v1", "v2"].contains { error.contains("backend \($0)") },
                                "\(error)")
                            let after = try await host.admin.exportConfiguration()
                            #expect(after == exported)
                        }
                    }
                    #expect(failures == [], "\(name), \(change), \(behaviour)")
                }
            }
        }
    }

    private func apply(_ file: String, to host: TestHost) async throws {
        _ = try await host.admin.applyConfiguration(file, file: "old.yaml", isDryRun: false)
    }

    private func refusal(
        of file: String, by host: TestHost, within behaviour: Behaviour
    ) async -> String? {
        do throws(AdminError) {
            _ = try await host.admin.applyConfiguration(
                file, file: "new.yaml", isDryRun: false,
                .init(timeout: behaviour == .hang ? .milliseconds(200) : .seconds(60)))
            return nil
        } catch {
            return error.message
        }
    }
}
