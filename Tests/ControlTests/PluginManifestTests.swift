import HostDispatch
import HostPlugins
import TestSupport
import Testing

@testable import HostControl

@Suite struct PluginManifestTests {
    private func settings(_ yaml: String) throws -> BackendSettings {
        try PluginManifest(yaml: yaml).settings(over: BackendSettings())
    }

    private func message(_ yaml: String) -> String {
        do {
            _ = try PluginManifest(yaml: yaml)
            return "accepted"
        } catch {
            return error.message
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

    @Test(
        "what can't be used is refused, with the key and what it may be",
        arguments: [
            ("num_replica: 2", ["no key num_replica", "num_replicas"]),
            ("num_replicas: 0", ["num_replicas is 0", "from 1 to"]),
            ("num_replicas: two", ["num_replicas is two"]),
            ("num_replicas: true", ["num_replicas is true"]),
            ("batch_wait_timeout: 2", ["batch_wait_timeout is 2", "unit"]),
            ("batch_wait_timeout: -2ms", ["batch_wait_timeout is -2ms"]),
            ("batch_wait_timeout: none", ["batch_wait_timeout is none"]),
            ("health_check_period: 0", ["health_check_period is 0", "1ms"]),
            ("- a list", ["no mapping"]),
            ("num_replicas: [", ["no YAML"]),
            ("num_replicas: 1\nnum_replicas: 2", ["no YAML"]),
            ("user_config: {since: 2001-12-14}", ["user_config", "JSON"]),
            ("autoscaling: 4", ["autoscaling is 4", "mapping"]),
            ("autoscaling:", ["autoscaling is", "mapping"]),
            ("autoscaling: {}", ["autoscaling.max_replicas is missing"]),
            ("autoscaling: {max_replica: 2, max_replicas: 2}", ["autoscaling has no key max_rep"]),
            ("autoscaling: {max_replicas: 0}", ["autoscaling.max_replicas is 0", "from 1 to"]),
            (
                "autoscaling: {min_replicas: 3, max_replicas: 2}",
                ["autoscaling.min_replicas is 3", "autoscaling.max_replicas", "2"]
            ),
            (
                "autoscaling: {max_replicas: 2, min_replicas: -1}",
                ["autoscaling.min_replicas is -1", "from 0 to"]
            ),
            (
                "autoscaling: {max_replicas: 2, target_ongoing_requests: 0}",
                ["autoscaling.target_ongoing_requests is 0", "from 0.01 to"]
            ),
            (
                "autoscaling: {max_replicas: 2, target_ongoing_requests: .nan}",
                ["autoscaling.target_ongoing_requests is nan"]
            ),
            (
                "autoscaling: {max_replicas: 2, upscale_delay: 3}",
                ["autoscaling.upscale_delay is 3", "unit"]
            ),
            (
                "autoscaling: {max_replicas: 2}\nnum_replicas: 2",
                ["num_replicas and autoscaling exclude each other"]
            ),
        ])
    func refused(yaml: String, fragments: [String]) {
        let message = message(yaml)
        for fragment in fragments { #expect(message.contains(fragment), "\(message)") }
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
