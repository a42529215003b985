import Foundation
import HostDispatch
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostForms
@testable import HostRouting
@testable import HostState

@Suite struct BackendOptionsTests {
    private func decode(_ json: String) throws -> BackendOptions {
        try JSONDecoder().decode(BackendOptions.self, from: Data(json.utf8))
    }

    private func message(_ json: String) -> String {
        do {
            return "accepted: \(try decode(json))"
        } catch {
            return "\(error)"
        }
    }

    @Test("what is written as JSON reads back as it was", arguments: 0..<20)
    func json(seed: UInt64) throws {
        var random = RandomConfiguration(seed: seed)
        for _ in 0..<50 {
            let options = random.options()
            let text = try JSONEncoder().encode(options)
            let read = try JSONDecoder().decode(BackendOptions.self, from: text)
            #expect(read == options, "\(String(decoding: text, as: UTF8.self))")
            #expect(try BackendOptions(json: options.json) == options)
        }
    }

    @Test("what is written as YAML reads back as it was", arguments: 0..<20)
    func yaml(seed: UInt64) throws {
        var random = RandomConfiguration(seed: seed)
        for _ in 0..<20 {
            let options = random.options()
            let manifest = try PluginManifest(yaml: options.yaml)
            #expect(manifest.options == options, "\(options.yaml)")
        }
    }

    @Test("durations are written as people write them")
    func durations() throws {
        var options = BackendOptions()
        options.batchWaitTimeout = .init(.milliseconds(2))
        options.requestTimeout = .init(nil)
        #expect(
            options.json == ["batch_wait_timeout": "2ms", "request_timeout": "none"])
        #expect(options.yaml == "batch_wait_timeout: 2ms\nrequest_timeout: none\n")
    }

    @Test(
        "JSON that can't be used is refused, with the key and the nearest one",
        arguments: [
            (#"{"num_replica": 2}"#, "there is no key num_replica; did you mean num_replicas?"),
            (
                #"{"num_replicas": "2"}"#,
                #"num_replicas is "2": it must be a whole number from 1 to 1024"#
            ),
            (
                #"{"num_replicas": null}"#,
                "num_replicas is null: it must be a whole number from 1 to 1024"
            ),
            (
                #"{"max_batch_size": true}"#,
                "max_batch_size is true: it must be a whole number from 1 to 65536"
            ),
            (
                #"{"hang_grace": 5}"#,
                "hang_grace is 5: it must be a duration with a unit, such as 2ms or 10s"
            ),
            (
                #"{"autoscaling": {"max_replicas": 2, "upscale_dely": "1s"}}"#,
                "autoscaling has no key upscale_dely; did you mean upscale_delay?"
            ),
            (
                #"{"autoscaling": {"max_replicas": 2}, "num_replicas": 1}"#,
                "num_replicas and autoscaling exclude each other: remove one of them"
            ),
            (
                #"[]"#,
                "the configuration is a list: it must be a mapping, such as {num_replicas: 2}"
            ),
        ])
    func refused(json: String, expected: String) {
        #expect(message(json) == expected)
    }

    @Test("inside of another value, the path says where")
    func path() {
        struct Update: Decodable {
            var backends: [String: BackendOptions]
        }
        #expect {
            _ = try JSONDecoder().decode(
                Update.self, from: Data(#"{"backends": {"a:1": {"hang": 1}}}"#.utf8))
        } throws: { error in
            "\(error)".hasPrefix(#"backends."a:1" has no key hang; there are: num_replicas, "#)
        }
    }

    @Test("an update changes what it sets, and keeps the rest")
    func merging() throws {
        let merged = try decode(#"{"max_batch_size": 4, "drain_timeout": "1s"}"#)
            .merging(decode(#"{"max_batch_size": 8, "user_config": null}"#))
        #expect(
            merged.json == ["max_batch_size": 8, "drain_timeout": "1s", "user_config": .null])
    }

    @Test("merging in what is set everywhere leaves nothing of before", arguments: 0..<20)
    func mergingAll(seed: UInt64) {
        var random = RandomConfiguration(seed: seed)
        let (earlier, later) = (random.options(), random.options())
        let merged = earlier.merging(later)
        guard case .object(let set) = later.json, case .object(let before) = earlier.json,
            case .object(let members) = merged.json
        else {
            Issue.record("options are no object")
            return
        }
        let replicas: Set = ["num_replicas", "autoscaling"]
        for key in BackendOptions.keys.map(\.name) {
            let isReplaced = replicas.contains(key) && !replicas.isDisjoint(with: set.keys)
            #expect(members[key] == set[key] ?? (isReplaced ? nil : before[key]), "\(key)")
        }
        #expect(earlier.merging(BackendOptions()) == earlier)
        #expect(BackendOptions().merging(later) == later)
    }

    @Test("a number of replicas takes the place of autoscaling, and the other way round")
    func replicas() throws {
        let fixed = try decode(#"{"num_replicas": 3}"#)
        let scaled = try decode(#"{"autoscaling": {"max_replicas": 5}}"#)
        #expect(scaled.merging(fixed) == fixed)
        #expect(fixed.merging(scaled) == scaled)

        let overScaled = try fixed.settings(over: scaled.settings(over: BackendSettings()))
        #expect(overScaled.numReplicas == 3)
        #expect(overScaled.autoscaling == nil)
    }

    @Test("what a program sets is checked like what an operator writes")
    func settings() throws {
        var options = BackendOptions()
        #expect(try options.settings(over: BackendSettings()) == BackendSettings())
        options.numReplicas = 0
        #expect {
            _ = try options.settings(over: BackendSettings())
        } throws: { "\($0)" == "num_replicas is 0: it must be a whole number from 1 to 1024" }
        options.numReplicas = nil
        options.hangGrace = .init(.seconds(-1))
        #expect(throws: ConfigurationError.self) {
            try options.settings(over: BackendSettings())
        }
        options.hangGrace = nil
        options.userConfig = [.number(.nan)]
        #expect(throws: ConfigurationError.self) {
            try options.settings(over: BackendSettings())
        }
    }

    @Test("a plugin gets its user_config as JSON in one form")
    func userConfig() throws {
        let settings = try decode(#"{"user_config": {"b": [1.0, 2.5, "a/b"], "a": null}}"#)
            .settings(over: BackendSettings())
        #expect(settings.userConfig == #"{"a":null,"b":[1,2.5,"a/b"]}"#)
    }
}
