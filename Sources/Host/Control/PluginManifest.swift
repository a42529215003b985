internal import Foundation
package import HostDispatch
package import HostPlugins
internal import Yams

/// What stands beside a plugin in `plugins.d/<name>.yaml`: how its backend runs it.
///
/// ```yaml
/// num_replicas: 2             # or: autoscaling: {max_replicas: 8}
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
            changes.append(try Self.find(key, in: Self.keys).change(key, value))
        }
        if mapping["num_replicas"] != nil, mapping["autoscaling"] != nil {
            throw Self.invalid(
                "num_replicas and autoscaling exclude each other: "
                    + "remove num_replicas, or the whole of autoscaling")
        }
    }

    /// The defaults with what the manifest says.
    package func settings(over defaults: BackendSettings) -> BackendSettings {
        var settings = defaults
        for change in changes { change(&settings) }
        return settings
    }

    /// The manifest's keys, and what each may be. One line a key.
    private static let keys: [String: ManifestKey<BackendSettings>] = [
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
        "autoscaling": .autoscaling(\.autoscaling),
    ]

    /// - Parameter place: the key whose mapping this is; nil: the manifest itself.
    static func find<Settings>(
        _ name: String, in keys: [String: ManifestKey<Settings>], of place: String? = nil
    ) throws(PluginError) -> ManifestKey<Settings> {
        guard let key = keys[name] else {
            let known = keys.keys.sorted().joined(separator: ", ")
            throw invalid("\(place ?? "it") has no key \(name); there are: \(known)")
        }
        return key
    }

    static func invalid(_ what: String) -> PluginError {
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
