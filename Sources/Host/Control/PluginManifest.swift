internal import Foundation
package import HostDispatch
package import HostPlugins
internal import Yams

/// What stands beside a plugin in `plugins.d/<name>.yaml`: how its backend runs it.
///
/// ```yaml
/// num_replicas: 2
/// max_batch_size: 32
/// batch_wait_timeout: 2ms
/// request_timeout: 10s        # or: none
/// user_config: {model: small} # anything; the plugin gets it as JSON
/// ```
///
/// Every key is optional, and one that the host doesn't know is an error: a misspelt limit must not pass for one.
package struct PluginManifest: Sendable {
    private var changes: [@Sendable (inout BackendSettings) -> Void] = []

    /// The settings of a plugin without a manifest.
    static let none = PluginManifest()

    private init() {}

    /// - Throws: ``PluginError`` that names the key at fault.
    package init(yaml: String) throws(PluginError) {
        let document: Any?
        do {
            document = try Yams.load(yaml: yaml)
        } catch {
            throw Self.invalid("it is no YAML: \(error)")
        }
        guard let document, !(document is NSNull) else { return }
        guard let mapping = document as? [String: Any] else {
            throw Self.invalid("it is no mapping of keys to values")
        }
        for (key, value) in mapping.sorted(by: { $0.key < $1.key }) {
            changes.append(try Self.change(key, value))
        }
    }

    /// The defaults with what the manifest says.
    package func settings(over defaults: BackendSettings) -> BackendSettings {
        var settings = defaults
        for change in changes { change(&settings) }
        return settings
    }

    /// The manifest's keys, and what each may be. One line a key.
    private static let keys: [String: Key] = [
        "num_replicas": .count(1...1_024, \.numReplicas),
        "max_batch_size": .count(1...65_536, \.maxBatchSize),
        "batch_wait_timeout": .duration(\.batchWaitTimeout),
        "max_concurrent_queries": .count(1...1_024, \.maxConcurrentQueries),
        "max_queued_requests": .count(1...1_000_000, \.maxQueuedRequests),
        "request_timeout": .optionalDuration(\.requestTimeout),
        "lifecycle_timeout": .duration(\.lifecycleTimeout),
        "drain_timeout": .duration(\.drainTimeout),
        "health_check_period": .period(\.healthCheckPeriod),
        "health_check_failures": .count(1...1_000, \.healthCheckFailures),
        "hang_grace": .duration(\.hangGrace),
        "user_config": .json(\.userConfig),
    ]

    private enum Key {
        typealias Path<Value> = any WritableKeyPath<BackendSettings, Value> & Sendable

        case count(ClosedRange<Int>, Path<Int>)
        case duration(Path<Duration>)
        /// A duration of a millisecond at least: something is done that often.
        case period(Path<Duration>)
        case optionalDuration(Path<Duration?>)
        case json(Path<String>)
    }

    private static func change(
        _ name: String, _ value: Any
    ) throws(PluginError) -> @Sendable (inout BackendSettings) -> Void {
        switch keys[name] {
        case nil:
            throw invalid(
                "it has no key \(name); there are: \(keys.keys.sorted().joined(separator: ", "))")
        case .count(let range, let path):
            guard let number = value as? Int, range.contains(number) else {
                throw invalid(
                    "\(name) is \(value): it must be a whole number from \(range.lowerBound) "
                        + "to \(range.upperBound)")
            }
            return { $0[keyPath: path] = number }
        case .duration(let path):
            let duration = try duration(name, value)
            return { $0[keyPath: path] = duration }
        case .period(let path):
            let duration = try duration(name, value)
            guard duration >= .milliseconds(1) else {
                throw invalid("\(name) is \(value): it must be 1ms at least")
            }
            return { $0[keyPath: path] = duration }
        case .optionalDuration(let path):
            let duration = value as? String == "none" ? nil : try duration(name, value)
            return { $0[keyPath: path] = duration }
        case .json(let path):
            let text = try json(name, value)
            return { $0[keyPath: path] = text }
        }
    }

    private static func duration(_ name: String, _ value: Any) throws(PluginError) -> Duration {
        // A bare 0 needs no unit.
        if value as? Int == 0 { return .zero }
        guard let text = value as? String, let duration = DurationText.parse(text) else {
            throw invalid(
                "\(name) is \(value): it must be a duration with a unit, such as 2ms or 10s")
        }
        return duration
    }

    private static func json(_ name: String, _ value: Any) throws(PluginError) -> String {
        guard JSONSerialization.isValidJSONObject([value]),
            let data = try? JSONSerialization.data(
                withJSONObject: value,
                options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
        else {
            throw invalid("\(name) can't be written as JSON: use strings as keys, and plain values")
        }
        return String(decoding: data, as: UTF8.self)
    }

    private static func invalid(_ what: String) -> PluginError {
        PluginError(.invalidManifest, "its manifest can't be used: \(what)")
    }
}

extension PluginManifest {
    /// Reads the manifest beside a library, if there is one. Blocks on the disk.
    ///
    /// - Throws: ``PluginError`` when it is there and can't be read or used.
    static func read(_ path: String) throws(PluginError) -> PluginManifest {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch CocoaError.fileReadNoSuchFile {
            return .none
        } catch {
            throw PluginError(.invalidManifest, "its manifest \(path) can't be read: \(error)")
        }
        return try PluginManifest(yaml: text)
    }
}

extension BackendSettings {
    /// - Throws: ``PluginError`` when the plugin can't be run like this.
    func check(against descriptor: PluginDescriptor) throws(PluginError) {
        guard maxBatchSize == 1 || descriptor.methods.contains(where: \.isBatchable) else {
            throw PluginError(
                .invalidManifest,
                "max_batch_size is \(maxBatchSize), but no method of the plugin takes several calls: "
                    + "set it to 1, or mark a method BACKPLANE_METHOD_BATCHABLE")
        }
    }
}
