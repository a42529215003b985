internal import HostDispatch
internal import HostPlugins

extension AutoscalingSettings {
    /// The keys under `autoscaling`, and what each may be. One line a key.
    private static let keys: [String: ManifestKey<AutoscalingSettings>] = [
        "min_replicas": .count(0...1_024, \.minReplicas),
        "max_replicas": .count(1...1_024, \.maxReplicas),
        "target_ongoing_requests": .number(0.01...1_000_000, \.targetOngoingRequests),
        "upscale_delay": .duration(\.upscaleDelay),
        "downscale_delay": .duration(\.downscaleDelay),
    ]

    /// - Parameter name: of the key that the value stands under, for errors.
    /// - Throws: ``PluginError`` that names the key at fault.
    init(manifest value: Any, under name: String) throws(PluginError) {
        guard let mapping = value as? [String: Any] else {
            throw PluginManifest.invalid(
                "\(name) is \(value): it must be a mapping, such as {max_replicas: 8}")
        }
        guard mapping["max_replicas"] != nil else {
            throw PluginManifest.invalid(
                "\(name).max_replicas is missing: say how many replicas there may be at most")
        }
        // Replaced below: the key is there.
        var settings = AutoscalingSettings(maxReplicas: 1)
        for (key, value) in mapping.sorted(by: { $0.key < $1.key }) {
            let known = try PluginManifest.find(key, in: Self.keys, of: name)
            try known.change("\(name).\(key)", value)(&settings)
        }
        guard settings.minReplicas <= settings.maxReplicas else {
            throw PluginManifest.invalid(
                "\(name).min_replicas is \(settings.minReplicas): it must be \(name).max_replicas, "
                    + "which is \(settings.maxReplicas), or less")
        }
        self = settings
    }
}
