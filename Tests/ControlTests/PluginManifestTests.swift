import Foundation
import HostCore
import HostDispatch
import HostForms
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

@Suite struct PluginManifestTests {
    private func settings(_ yaml: String) throws -> BackendSettings {
        try PluginManifest(yaml: yaml).settings(over: BackendSettings())
    }

    private func message(_ yaml: String) -> String {
        do {
            _ = try PluginManifest(yaml: yaml, file: "plugins.d/foo.yaml")
            return "accepted"
        } catch {
            return error.description
        }
    }

    @Test("every key sets what it names")
    func keys() throws {
        let settings = try settings(
            """
            num_replicas: 3
            max_batch_size: 32
            batch_wait_timeout: 2ms
            max_concurrent_queries: 5
            max_queued_requests: 100
            request_timeout: 10s
            lifecycle_timeout: 1m
            drain_timeout: 3s
            health_check_period: 500ms
            health_check_failures: 2
            hang_grace: 0
            user_config: {model: small, sizes: [1, 2.5], on: true, none: null}
            """)
        var expected = BackendSettings()
        expected.numReplicas = 3
        expected.maxBatchSize = 32
        expected.batchWaitTimeout = .milliseconds(2)
        expected.maxConcurrentQueries = 5
        expected.maxQueuedRequests = 100
        expected.requestTimeout = .seconds(10)
        expected.lifecycleTimeout = .seconds(60)
        expected.drainTimeout = .seconds(3)
        expected.healthCheckPeriod = .milliseconds(500)
        expected.healthCheckFailures = 2
        expected.hangGrace = .zero
        expected.userConfig = #"{"model":"small","none":null,"on":true,"sizes":[1,2.5]}"#
        #expect(settings == expected)
    }

    @Test("what is not named keeps its default", arguments: ["", "# nothing\n", "---\n"])
    func empty(yaml: String) throws {
        #expect(try settings(yaml) == BackendSettings())
    }

    @Test("request_timeout may be none")
    func noTimeout() throws {
        #expect(try settings("request_timeout: none").requestTimeout == nil)
    }

    @Test("autoscaling has a maximum, and Ray Serve's defaults for the rest")
    func autoscaling() throws {
        #expect(try settings("").autoscaling == nil)
        let least = try #require(try settings("autoscaling: {max_replicas: 8}").autoscaling)
        #expect(least.minReplicas == 1)
        #expect(least.maxReplicas == 8)
        #expect(least.targetOngoingRequests == 2)
        #expect(least.upscaleDelay == .seconds(30))
        #expect(least.downscaleDelay == .seconds(600))
        var expected = AutoscalingSettings(maxReplicas: 3)
        expected.minReplicas = 0
        expected.targetOngoingRequests = 1.5
        expected.upscaleDelay = .zero
        expected.downscaleDelay = .seconds(5)
        let all = try settings(
            """
            autoscaling:
              min_replicas: 0
              max_replicas: 3
              target_ongoing_requests: 1.5
              upscale_delay: 0
              downscale_delay: 5s
            """)
        #expect(all.autoscaling == expected)
    }

    @Test("the endpoint of the plugin has defaults of its own")
    func endpoint() throws {
        #expect(try PluginManifest(yaml: "num_replicas: 2").endpoint == .init())
        var expected = PluginManifest.EndpointDefaults()
        expected.methods = ["GET"]
        #expect(try PluginManifest(yaml: "endpoint: {methods: [GET]}").endpoint == expected)
        expected.route = "/x/*"
        let manifest = try PluginManifest(
            yaml: "endpoint: {route: /x/*, methods: [GET]}\nhang_grace: 2s")
        #expect(manifest.endpoint == expected)
        #expect(manifest.options.hangGrace == .init(.seconds(2)))
    }

    @Test(
        "what can't be used is refused, with the place, the key and what it may be",
        arguments: [
            ("num_replica: 2", "1:1: there is no key num_replica; did you mean num_replicas?"),
            (
                "\nnum_replicas: 0",
                "2:15: num_replicas is 0: it must be a whole number from 1 to 1024"
            ),
            (
                "num_replicas: two",
                "1:15: num_replicas is two: it must be a whole number from 1 to 1024"
            ),
            (
                "num_replicas: true",
                "1:15: num_replicas is true: it must be a whole number from 1 to 1024"
            ),
            (
                "num_replicas: '2'",
                #"1:15: num_replicas is "2": it must be a whole number from 1 to 1024"#
            ),
            (
                "num_replicas:",
                "1:14: num_replicas is empty: it must be a whole number from 1 to 1024"
            ),
            (
                "max_queued_requests: 99999999999999999999",
                "1:22: max_queued_requests is 99999999999999999999: "
                    + "it must be a whole number from 1 to 1000000"
            ),
            (
                "batch_wait_timeout: 2",
                "1:21: batch_wait_timeout is 2: "
                    + "it must be a duration with a unit, such as 2ms or 10s"
            ),
            (
                "batch_wait_timeout: -2ms",
                "1:21: batch_wait_timeout is -2ms: "
                    + "it must be a duration with a unit, such as 2ms or 10s"
            ),
            (
                "batch_wait_timeout: none",
                "1:21: batch_wait_timeout is none: "
                    + "it must be a duration with a unit, such as 2ms or 10s"
            ),
            (
                "request_timeout: never",
                "1:18: request_timeout is never: "
                    + "it must be a duration with a unit, such as 2ms or 10s, or none"
            ),
            (
                "health_check_period: 0",
                "1:22: health_check_period is 0: it must be 1ms at least"
            ),
            (
                "- a list",
                "1:1: the configuration is a list: it must be a mapping, such as num_replicas: 2"
            ),
            (
                "user_config: {since: 2001-12-14}",
                "1:22: user_config.since is 2001-12-14: "
                    + "it must be in quotes: YAML has dates and times, JSON has not"
            ),
            (
                "user_config: [a, {flag: no}]",
                #"1:25: user_config[1].flag is no: it must be false, or "no" in quotes"#
            ),
            (
                "autoscaling: 4",
                "1:14: autoscaling is 4: it must be a mapping, such as {max_replicas: 8}"
            ),
            (
                "autoscaling:",
                "1:13: autoscaling is empty: it must be a mapping, such as {max_replicas: 8}"
            ),
            ("autoscaling: {}", "1:14: autoscaling.max_replicas is missing"),
            (
                "autoscaling: {max_replica: 2}",
                "1:15: autoscaling has no key max_replica; did you mean max_replicas?"
            ),
            (
                "autoscaling: {max_replicas: 0}",
                "1:29: autoscaling.max_replicas is 0: it must be a whole number from 1 to 1024"
            ),
            (
                "autoscaling: {min_replicas: 3, max_replicas: 2}",
                "1:29: autoscaling.min_replicas is 3: "
                    + "it must be autoscaling.max_replicas, which is 2, or less"
            ),
            (
                "autoscaling: {max_replicas: 2, min_replicas: -1}",
                "1:46: autoscaling.min_replicas is -1: it must be a whole number from 0 to 1024"
            ),
            (
                "autoscaling: {max_replicas: 2, target_ongoing_requests: 0}",
                "1:57: autoscaling.target_ongoing_requests is 0: "
                    + "it must be a number from 0.01 to 1000000"
            ),
            (
                "autoscaling: {max_replicas: 2, target_ongoing_requests: .nan}",
                "1:57: autoscaling.target_ongoing_requests is .nan: "
                    + "it must be a number from 0.01 to 1000000"
            ),
            (
                "autoscaling: {max_replicas: 2, upscale_delay: 3}",
                "1:47: autoscaling.upscale_delay is 3: "
                    + "it must be a duration with a unit, such as 2ms or 10s"
            ),
            (
                "autoscaling: {max_replicas: 2}\nnum_replicas: 2",
                "2:1: num_replicas and autoscaling exclude each other: remove one of them"
            ),
            (
                "endpoint: {route: echo}",
                "1:19: endpoint.route is echo: "
                    + "it must be a path such as /echo, or /echo/* for all below it"
            ),
            (
                "endpoint: {methods: [get]}",
                "1:22: endpoint.methods[0] is get: it must be one of "
                    + "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; did you mean GET?"
            ),
            (
                "endpoint: {traffic: {echo: 1}}",
                "1:12: endpoint has no key traffic; there are: route, methods"
            ),
        ])
    func refused(yaml: String, expected: String) {
        #expect(message(yaml) == "plugins.d/foo.yaml:" + expected)
    }

    @Test("a file that is there and can't be read is an error; one that is not there is none")
    func files() throws {
        let directory = try TemporaryDirectory()
        #expect(try PluginManifest.read(directory.file("none.yaml")) == PluginManifest())
        let path = directory.file("foo.yaml")
        func reason() -> String {
            do {
                return "read: \(try PluginManifest.read(path))"
            } catch {
                #expect(error.code == .invalidManifest)
                return error.message
            }
        }
        try Data("\nnum_replicas: 0".utf8).write(to: URL(fileURLWithPath: path))
        #expect(
            reason() == "\(path):2:15: num_replicas is 0: it must be a whole number from 1 to 1024")
        try Data([0x61, 0xFF]).write(to: URL(fileURLWithPath: path))
        #expect(reason() == "\(path): can't be read: it is no UTF-8")
        try Data(repeating: 0x23, count: 1 << 20 + 1).write(to: URL(fileURLWithPath: path))
        #expect(reason() == "\(path): can't be read: it has more than 1048576 bytes")
        try FileManager.default.removeItem(atPath: path)
        _ = try directory.makeDirectory("foo.yaml")
        #expect(reason().hasPrefix("\(path): can't be read: "))
    }

    @Test("batches need a method that takes them")
    func batchable() throws {
        let settings = try settings("max_batch_size: 2")
        #expect(throws: PluginError.self) {
            try settings.check(against: TestDescriptor.of("counting"))
        }
        try settings.check(against: TestDescriptor.of("batches"))
    }
}
