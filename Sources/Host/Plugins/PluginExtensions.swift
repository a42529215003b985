internal import PluginABI

/// The optional features that a plugin offers, read once.
struct PluginExtensions: @unchecked Sendable {
    // Sendable: constant pointers to plugin functions, called as their thread tags say.
    let state: backplane_state_extension_t?
    let warmUp: backplane_warmup_extension_t?
    let health: backplane_health_extension_t?
    let batchKey: backplane_batch_key_extension_t?
    let middleware: backplane_middleware_extension_t?

    /// [main]
    ///
    /// - Throws: ``PluginError`` when an extension's struct breaks the contract.
    init(of library: PluginLibrary) throws(PluginError) {
        state = try library.pluginExtension(
            BACKPLANE_EXTENSION_STATE, as: backplane_state_extension_t.self)
        warmUp = try library.pluginExtension(
            BACKPLANE_EXTENSION_WARMUP, as: backplane_warmup_extension_t.self)
        health = try library.pluginExtension(
            BACKPLANE_EXTENSION_HEALTH, as: backplane_health_extension_t.self)
        batchKey = try library.pluginExtension(
            BACKPLANE_EXTENSION_BATCH_KEY, as: backplane_batch_key_extension_t.self)
        middleware = try library.pluginExtension(
            BACKPLANE_EXTENSION_MIDDLEWARE, as: backplane_middleware_extension_t.self)

        guard middleware != nil || !library.descriptor.methods.isEmpty else {
            throw PluginDescriptor.noMethods
        }
        try Self.require(
            unsafe middleware == nil || middleware?.on_request != nil,
            BACKPLANE_EXTENSION_MIDDLEWARE, "on_request")
        try Self.require(
            unsafe batchKey == nil || batchKey?.batch_key != nil, BACKPLANE_EXTENSION_BATCH_KEY,
            "batch_key")
        try Self.require(
            unsafe state == nil || (state?.save != nil && state?.restore != nil),
            BACKPLANE_EXTENSION_STATE, "save and restore")
        try Self.require(
            unsafe warmUp == nil || warmUp?.warm_up != nil, BACKPLANE_EXTENSION_WARMUP, "warm_up")
        try Self.require(
            unsafe health == nil || health?.check != nil, BACKPLANE_EXTENSION_HEALTH, "check")
    }

    var hasState: Bool { state != nil }

    private static func require(
        _ condition: Bool, _ identifier: String, _ functions: String
    ) throws(PluginError) {
        guard condition else {
            throw PluginError(
                .invalidDescriptor,
                "the extension \(identifier) lacks a function it requires: \(functions)")
        }
    }
}
