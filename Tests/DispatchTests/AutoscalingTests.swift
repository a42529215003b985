import Foundation
import HostCore
import HostDeployment
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// Replicas of real plugins that come and go with real calls.
@Suite struct AutoscalingTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Calls an endpoint, each client again and again, for as long as `body` runs.
    ///
    /// - Returns: how often each status came.
    private func callAll(
        _ endpoint: String, of host: TestHost, clients: Int, during body: () async throws -> Void
    ) async throws -> [Int: Int] {
        let isOver = NIOLockedValueBox(false)
        return try await withThrowingTaskGroup(of: [Int: Int].self) { group in
            for _ in 0..<clients {
                group.addTask {
                    var statuses: [Int: Int] = [:]
                    while !isOver.withLockedValue({ $0 }) {
                        statuses[try await host.http.call(endpoint).status, default: 0] += 1
                    }
                    return statuses
                }
            }
            // The clients end in any case, or the group would wait for them for ever.
            defer { isOver.withLockedValue { $0 = true } }
            try await body()
            isOver.withLockedValue { $0 = true }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
    }

    private func runSlow(
        _ autoscaling: String, _ body: (TestHost) async throws -> Void
    ) async throws {
        try await TestHost.run(
            plugins: ["libslow.so": Fixture.library("slow", defines: ["SLEEP_MS=20"])],
            manifests: ["slow": "autoscaling: \(autoscaling)"], body)
    }

    @Test("a spike brings replicas up to the maximum, its end brings them down, and no call fails")
    func spike() async throws {
        try await runSlow(
            """
            {max_replicas: 4, target_ongoing_requests: 1, upscale_delay: 100ms,
             downscale_delay: 500ms}
            """
        ) { host in
            let before = try #require(try await host.status(of: "slow"))
            #expect(before.replicas == 1)
            #expect(before.autoscaling?.minReplicas == 1)
            #expect(before.autoscaling?.maxReplicas == 4)
            #expect(before.autoscaling?.targetReplicas == 1)
            let answers = try await callAll("slow", of: host, clients: 12) {
                let peak = try await host.wait(for: "slow") {
                    $0.replicas == 4 && $0.calls.running == 4
                        && ($0.autoscaling?.ongoingCalls ?? 0) > 3
                }
                #expect(peak.autoscaling?.targetReplicas == 4)
            }
            #expect(answers.keys.sorted() == [200])
            let after = try await host.wait(for: "slow") {
                $0.replicas == 1 && $0.autoscaling?.ongoingCalls == 0
            }
            #expect(after.generation == before.generation)
            #expect(after.autoscaling?.targetReplicas == 1)
            // A busy machine may let the load pause, and come again.
            #expect(host.log.count(containing: "autoscaling from 1 to") >= 1)
            #expect(host.log.count(containing: "to 1 replicas") >= 1)
        }
    }

    @Test("without calls there is no replica; the calls that come then wait for a new one")
    func zero() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")],
            manifests: [
                "sick": """
                autoscaling: {min_replicas: 0, max_replicas: 2, upscale_delay: 1h,
                              downscale_delay: 500ms}
                """
            ]
        ) { host in
            _ = try await host.wait(for: "sick") { $0.replicas == 0 }
            await #expect(throws: ControlError.self, "there is none to restart") {
                _ = try await host.operations.restart("sick", replica: nil)
            }
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 { group.addTask { try await host.http.call("sick").text } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers == Array(repeating: "2", count: 8), "the second instance answers all")
            _ = try await host.wait(for: "sick") { $0.replicas == 0 }
            #expect(try await host.http.call("sick").text == "3")
        }
    }

    @Test("a reload at zero tries the new library, and leaves the number at zero")
    func reloadAtZero() async throws {
        let flag = directory.file("fails")
        try await TestHost.run(
            plugins: ["liba.so": Fixture.library("create_fails", defines: ["WHILE=\"\(flag)\""])],
            manifests: [
                "a": "autoscaling: {min_replicas: 0, max_replicas: 2, downscale_delay: 100ms}"
            ]
        ) { host in
            let first = try await host.wait(for: "a") { $0.replicas == 0 }
            try Data().write(to: URL(fileURLWithPath: flag))
            await #expect(throws: ControlError.self) { _ = try await host.operations.reload("a") }
            #expect(try await host.status(of: "a")?.generation == first.generation)
            try FileManager.default.removeItem(atPath: flag)
            let second = try await host.operations.reload("a")
            #expect(second.generation != first.generation)
            _ = try await host.wait(for: "a") { $0.replicas == 0 }
            #expect(try await host.http.call("a").text == "made")
        }
    }

    @Test("a reload while scaled up keeps the number of replicas")
    func reload() async throws {
        try await runSlow(
            "{max_replicas: 4, target_ongoing_requests: 1, upscale_delay: 50ms}"
        ) { host in
            let answers = try await callAll("slow", of: host, clients: 12) {
                let first = try await host.wait(for: "slow") { $0.replicas == 4 }
                let second = try await host.operations.reload("slow")
                #expect(second.generation != first.generation)
                #expect(second.replicas == 4)
                #expect(second.autoscaling?.targetReplicas == 4)
            }
            #expect(answers.keys.sorted() == [200])
        }
    }

    @Test("autoscaling comes, changes and goes with the manifest, and begins with what is there")
    func manifest() async throws {
        try await runSlow("{max_replicas: 8}") { host in
            try host.writeManifest("slow", "num_replicas: 3")
            let fixed = try await host.wait(for: "slow") { $0.replicas == 3 }
            #expect(fixed.autoscaling == nil)

            try host.writeManifest("slow", "autoscaling: {max_replicas: 8}")
            let scaled = try await host.wait(for: "slow") { $0.autoscaling != nil }
            #expect(scaled.replicas == 3)
            #expect(scaled.autoscaling?.targetReplicas == 3)

            try host.writeManifest("slow", "autoscaling: {max_replicas: 2}")
            _ = try await host.wait(for: "slow") { $0.replicas == 2 }
            try host.writeManifest("slow", "autoscaling: {min_replicas: 5, max_replicas: 6}")
            let last = try await host.wait(for: "slow") { $0.replicas == 5 }
            #expect(last.generation == fixed.generation)

            try host.writeManifest("slow", "num_replicas: 2\nautoscaling: {max_replicas: 6}")
            let refused = try await host.wait(for: "slow") { $0.reason != nil }
            #expect(refused.reason?.contains("exclude each other") == true)
            #expect(refused.replicas == 5)

            try host.writeManifest("slow", "")
            _ = try await host.wait(for: "slow") {
                $0.replicas == 1 && $0.autoscaling == nil && $0.reason == nil
            }
        }
    }

    @Test("while no replica can be made calls get 503 and the list the reason; it is tried again")
    func createFailsAtZero() async throws {
        let flag = directory.file("fails")
        try await TestHost.run(
            plugins: ["liba.so": Fixture.library("create_fails", defines: ["WHILE=\"\(flag)\""])],
            manifests: [
                "a": "autoscaling: {min_replicas: 0, max_replicas: 2, downscale_delay: 100ms}"
            ]
        ) { host in
            _ = try await host.wait(for: "a") { $0.replicas == 0 }
            try Data().write(to: URL(fileURLWithPath: flag))
            let refused = try await host.http.call("a")
            #expect(refused.status == 503)
            #expect(refused.text.contains("no healthy replica"))
            let status = try await host.wait(for: "a") { $0.reason != nil }
            #expect(status.reason?.contains("no model at") == true)
            #expect(status.state == .serving)
            try FileManager.default.removeItem(atPath: flag)
            try await Eventually.true { try await host.http.call("a").text == "made" }
            _ = try await host.wait(for: "a") { $0.reason == nil && $0.replicas == 0 }
        }
    }

    @Test("when one replica more can't be made those that are there serve, and it is tried again")
    func createFailsOnTheWay() async throws {
        let flag = directory.file("fails")
        try await TestHost.run(
            plugins: ["liba.so": Fixture.library("create_fails", defines: ["WHILE=\"\(flag)\""])],
            manifests: ["a": "autoscaling: {max_replicas: 3, upscale_delay: 100ms}"]
        ) { host in
            try Data().write(to: URL(fileURLWithPath: flag))
            try host.writeManifest(
                "a", "autoscaling: {min_replicas: 2, max_replicas: 3, upscale_delay: 100ms}")
            let status = try await host.wait(for: "a") { $0.reason != nil }
            #expect(status.reason?.contains("no model at") == true)
            #expect(status.replicas == 1)
            // All of a manifest is taken, or nothing.
            #expect(status.autoscaling?.targetReplicas == 1)
            #expect(try await host.http.call("a").text == "made")
            try FileManager.default.removeItem(atPath: flag)
            _ = try await host.wait(for: "a") { $0.reason == nil && $0.replicas == 2 }
        }
    }

    @Test("a replica that is lost is replaced, and the number stays")
    func lost() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")],
            manifests: [
                "sick": """
                health_check_period: 50ms
                autoscaling: {min_replicas: 2, max_replicas: 4, upscale_delay: 100ms,
                              downscale_delay: 100ms}
                """
            ]
        ) { host in
            _ = try await host.http.call("sick", "sicken")
            _ = try await host.wait(for: "sick") { $0.replacedReplicas == 1 && $0.replicas == 2 }
            #expect(host.log.count(containing: "autoscaling from") == 0)
        }
    }
}
