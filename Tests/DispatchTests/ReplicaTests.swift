import Backplane
import Foundation
import HostCore
import HostDeployment
import TestSupport
import Testing

/// Replicas of real plugins that come, go, fall ill and hang.
@Suite struct ReplicaTests {
    @Test("the number of replicas follows the manifest, up and down, without a new generation")
    func resize() async throws {
        try await TestHost.run(plugins: ["libsick.so": Fixture.library("sick")]) { host in
            let first = try #require(try await host.status(of: "sick"))
            #expect(first.replicas == 1)
            try host.writeManifest("sick", "num_replicas: 3")
            _ = try await host.wait(for: "sick") { $0.replicas == 3 }
            var serials: Set<String> = []
            try await Eventually.true {
                serials.insert(try await host.http.call("sick").text)
                return serials.count == 3
            }
            try host.writeManifest("sick", "num_replicas: 1")
            let last = try await host.wait(for: "sick") { $0.replicas == 1 }
            #expect(last.generation == first.generation)
            #expect(try await host.http.call("sick").text == "1", "the first one stays")
        }
    }

    @Test("a replica that is taken away finishes its call")
    func shrinkUnderLoad() async throws {
        try await TestHost.run(
            plugins: ["libwaits.so": Fixture.library("waits")],
            manifests: ["waits": "num_replicas: 4"]
        ) { host in
            let gate = host.directory.file("gate")
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { try await host.http.call("waits", nil, gate).text }
                }
                _ = try await host.wait(for: "waits") { $0.calls.running == 4 }
                try host.writeManifest("waits", "num_replicas: 1")
                _ = try await host.wait(for: "waits") { $0.replicas == 1 }
                try Data().write(to: URL(fileURLWithPath: gate))
                for try await answer in group { #expect(answer == "open") }
            }
        }
    }

    @Test("a replica whose health check fails three times is replaced, and the list says so")
    func unhealthy() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")],
            manifests: ["sick": "health_check_period: 50ms"]
        ) { host in
            #expect(try await host.http.call("sick").text == "1")
            _ = try await host.http.call("sick", "sicken")
            let status = try await host.wait(for: "sick") {
                $0.replacedReplicas == 1 && $0.replicas == 1
            }
            #expect(status.lastReplacement?.contains("feverish") == true)
            #expect(try await host.http.call("sick").text == "2")
            #expect(host.log.count(containing: "feverish") >= 3)
        }
    }

    @Test("a replica whose health check hangs is replaced")
    func hangingCheck() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")],
            manifests: [
                "sick": "health_check_period: 100ms\nlifecycle_timeout: 500ms\ndrain_timeout: 100ms"
            ],
            configure: { $0.shutdownTimeout = .seconds(2) }
        ) { host in
            _ = try await host.http.call("sick", "hang_check")
            _ = try await host.wait(for: "sick") { $0.replacedReplicas == 1 && $0.replicas == 1 }
            #expect(try await host.http.call("sick").text == "2")
        }
    }

    @Test("a replica whose call hangs past its deadline is replaced; the caller gets 504")
    func hangingCall() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")],
            manifests: ["sick": "request_timeout: 200ms\nhang_grace: 100ms\ndrain_timeout: 100ms"],
            configure: { $0.shutdownTimeout = .seconds(2) }
        ) { host in
            #expect(try await host.http.call("sick", "hang").status == 504)
            let status = try await host.wait(for: "sick") {
                $0.replacedReplicas == 1 && $0.replicas == 1
            }
            #expect(status.lastReplacement?.contains("deadline") == true)
            #expect(try await host.http.call("sick").text == "2")
        }
    }

    @Test(
        "a plugin that hangs again and again is given up after eight replicas, with 503 and the reason"
    )
    func givenUp() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")],
            manifests: ["sick": "request_timeout: 50ms\nhang_grace: 10ms\ndrain_timeout: 50ms"],
            configure: { $0.shutdownTimeout = .seconds(2) }
        ) { host in
            try await Eventually.true(within: .seconds(60)) {
                try await host.http.call("sick", "hang").status == 503
            }
            let status = try #require(try await host.status(of: "sick"))
            #expect(status.reason?.contains("hang") == true)
            #expect(try await host.http.call("sick").text.contains("no healthy replica"))
        }
    }

    @Test("restart makes one replica anew and leaves the others alone")
    func restart() async throws {
        try await TestHost.run(
            plugins: ["libsick.so": Fixture.library("sick")], manifests: ["sick": "num_replicas: 2"]
        ) { host in
            _ = try await host.operations.restart("sick", replica: 1)
            var serials: Set<String> = []
            try await Eventually.true {
                serials.insert(try await host.http.call("sick").text)
                return serials.count == 2
            }
            #expect(serials == ["1", "3"])
            await #expect(throws: ControlError.self) {
                _ = try await host.operations.restart("sick", replica: 7)
            }
        }
    }

    @Test(
        "a new user_config reaches the instances that are there; one that is refused changes nothing"
    )
    func reconfigure() async throws {
        try await TestHost.run(
            plugins: ["libconfigured.so": Fixture.library("configured")],
            manifests: ["configured": "user_config: {a: 1}"]
        ) { host in
            #expect(try await host.http.call("configured").text == #"{"a":1}"#)
            try host.writeManifest("configured", "user_config: {a: 2}")
            try await Eventually.true { try await host.http.call("configured").text == #"{"a":2}"# }
            #expect(try await host.http.call("configured", "serial").text == "1")

            try host.writeManifest("configured", "user_config: bad")
            let status = try await host.wait(for: "configured") { $0.reason != nil }
            #expect(status.reason?.contains("not like this") == true)
            #expect(try await host.http.call("configured").text == #"{"a":2}"#)
        }
    }

    @Test("a plugin that can't be reconfigured gets new replicas")
    func newReplicasForNewConfig() async throws {
        try await TestHost.run(
            plugins: [
                "libconfigured.so": Fixture.library("configured", defines: ["NO_RECONFIGURE"])
            ]
        ) { host in
            #expect(try await host.http.call("configured").text == "null")
            let before = try #require(try await host.status(of: "configured")).generation
            try host.writeManifest("configured", "user_config: [1]")
            try await Eventually.true { try await host.http.call("configured").text == "[1]" }
            #expect(try await host.http.call("configured", "serial").text == "2")
            #expect(try await host.status(of: "configured")?.generation == before)
        }
    }

    @Test(
        "a plugin that is not re-entrant is never entered twice, by inline calls or health checks")
    func neverTwice() async throws {
        try await TestHost.run(
            plugins: ["libthread_checker.so": Fixture.library("thread_checker")],
            manifests: ["thread_checker": "health_check_period: 1ms"]
        ) { host in
            try await withThrowingTaskGroup { group in
                for index in 0..<8 {
                    group.addTask {
                        for _ in 0..<200 {
                            let method = index % 2 == 0 ? "inline" : "__call__"
                            let answer = try await host.http.call("thread_checker", method)
                            #expect(answer.status == 200)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await host.http.call("thread_checker", "overlaps").text == "0")
        }
    }

    @Test(
        "a re-entrant replica is asked for its health beside a long call, and begins others meanwhile"
    )
    func checkedBeside() async throws {
        try await TestHost.run(
            plugins: ["libchecked_beside.so": Fixture.library("checked_beside")],
            manifests: [
                "checked_beside": "max_concurrent_queries: 3\nhealth_check_period: 10ms"
            ]
        ) { host in
            let gate = host.directory.file("gate")
            async let long = host.http.call("checked_beside", nil, gate).text
            try await Eventually.true {
                let beside = try await host.http.call("checked_beside", "beside").text
                return Int(beside) ?? 0 >= 5
            }
            try Data().write(to: URL(fileURLWithPath: gate))
            #expect(try await long == "open")
        }
    }

    @Test("a health check that hangs stops no call of a re-entrant replica, and costs it its place")
    func hangingCheckBeside() async throws {
        try await TestHost.run(
            plugins: ["libchecked_beside.so": Fixture.library("checked_beside")],
            manifests: [
                "checked_beside":
                    "health_check_period: 10ms\nmax_concurrent_queries: 1\ndrain_timeout: 100ms"
            ],
            configure: { $0.shutdownTimeout = .seconds(2) }
        ) { host in
            _ = try await host.http.call("checked_beside", "hang_check")
            try await Eventually.true {
                try await host.http.call("checked_beside", "hanging").text == "1"
            }
            for _ in 0..<20 {
                #expect(try await host.http.call("checked_beside", "hanging").text == "1")
            }
            try host.writeManifest(
                "checked_beside",
                "health_check_period: 10ms\nlifecycle_timeout: 200ms\ndrain_timeout: 100ms")
            let status = try await host.wait(for: "checked_beside") {
                $0.replacedReplicas == 1 && $0.replicas == 1
            }
            #expect(status.lastReplacement?.contains("health check did not return") == true)
            #expect(try await host.http.call("checked_beside", "hanging").text == "0")
        }
    }

    @Test("a re-entrant plugin's lifecycle functions run beside nothing, health checks neither")
    func aloneInLifecycle() async throws {
        try await TestHost.run(
            plugins: ["libchecked_beside.so": Fixture.library("checked_beside")],
            manifests: ["checked_beside": "health_check_period: 1ms\nnum_replicas: 2"]
        ) { host in
            let gate = host.directory.file("gate")
            try Data().write(to: URL(fileURLWithPath: gate))
            let callers = Task {
                while !Task.isCancelled {
                    _ = try? await host.http.call("checked_beside", nil, gate)
                }
            }
            for round in 0..<6 {
                _ = try await host.operations.reload("checked_beside")
                try host.writeManifest(
                    "checked_beside",
                    "health_check_period: 1ms\nnum_replicas: 2\nuser_config: \(round)")
            }
            callers.cancel()
            await callers.value
            #expect(try await host.http.call("checked_beside", "overlaps").text == "0")
        }
    }
}
