package import HostConfigurationFiles
package import HostState

/// What the host knows of a backend, as `backplane backends list` shows it.
///
/// The JSON form is part of the admin API: members are added, never renamed.
package struct BackendStatus: Codable, Sendable, Equatable {
    /// What of it is served.
    package struct Serving: Codable, Sendable, Equatable {
        /// The generation of the plugin; nil while none serves the backend.
        package var generation: Int?
        /// How many replicas are in the rotation.
        package var replicas = 0
        /// How many there are to be.
        package var targetReplicas = 0
        package var waiting = 0
        package var running = 0
        /// Why the backend is not as it is configured.
        package var reason: String?
        /// True while the plugin has yet to follow a change; nil otherwise.
        package var isFollowing: Bool?

        enum CodingKeys: String, CodingKey {
            case generation, replicas, waiting, running, reason
            case targetReplicas = "target_replicas"
            case isFollowing = "following"
        }

        package init() {}

        /// Whether it is served as it is configured.
        package var isReady: Bool {
            generation != nil && reason == nil && replicas >= targetReplicas && isFollowing == nil
        }
    }

    package var tag: String
    package var plugin: String
    /// Whom it comes from: `plugin`, `file` or `hand`.
    package var origin: String
    /// What is configured; the rest are the plugin's and the host's defaults.
    package var config: BackendOptions
    package var serving: Serving

    package init(tag: String, _ record: BackendRecord, serving: Serving) {
        self.tag = tag
        plugin = record.plugin
        origin = record.origin.rawValue
        config = record.options
        self.serving = serving
    }
}
