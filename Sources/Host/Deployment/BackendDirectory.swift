internal import HostConfigurationFiles
internal import HostCore
internal import HostPlugins

/// What a plugin's deployment asks of, and tells to, whoever knows which backends there are to be.
protocol BackendDirectory: Sendable {
    /// The backends that a plugin is to serve; if none was ever configured, the one that it gets by default.
    func targets(of plugin: String) async -> [BackendTarget]

    /// A plugin serves: its default backend gets an endpoint, as its manifest says.
    ///
    /// - Throws: ``PluginError`` when that can't be written down.
    func serves(_ plugin: String, _ manifest: PluginManifest) async throws(PluginError)

    /// The route of the endpoint that has a plugin's name.
    func route(of plugin: String) -> String?

    /// Why that is not the route that the plugin should have; nil: it is.
    func routeObjection(of plugin: String) -> String?

    /// A plugin's file is gone, and with it what the plugin got by default.
    func gone(_ plugin: String) async
}
