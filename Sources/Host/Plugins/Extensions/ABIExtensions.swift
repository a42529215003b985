internal import PluginABI

/// The extensions of the ABI, in both directions. A new one is a row here, a file beside this one, and a header in
/// `backplane/ext/`.
enum ABIExtensions {
    /// What plugins may offer: name, the sizes of its struct, what must be in it.
    static let ofPlugins: [any PluginExtensionRow] = [
        PluginExtension<backplane_state_extension_t>.state,
        PluginExtension<backplane_warmup_extension_t>.warmUp,
        PluginExtension<backplane_health_extension_t>.health,
        PluginExtension<backplane_batch_key_extension_t>.batchKey,
        PluginExtension<backplane_middleware_extension_t>.middleware,
    ]

    /// What the host offers: name, and the table for one library.
    static let ofHost: [HostExtension] = [.handle, .library]
}
