/// A backend as it is configured: which plugin it runs, and how.
package struct BackendRecord: Sendable, Equatable, Codable {
    /// The plugin need not be there: calls get 503 until it comes.
    package var plugin: String
    package var options: BackendOptions
    package var origin: Origin

    package init(
        plugin: String, options: BackendOptions = BackendOptions(), origin: Origin = .hand
    ) {
        self.plugin = plugin
        self.options = options
        self.origin = origin
    }
}
