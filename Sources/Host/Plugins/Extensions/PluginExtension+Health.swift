package import HostCore
internal import PluginABI

/// `backplane.health/1`: an instance says whether it can serve.
extension PluginExtension where Struct == backplane_health_extension_t {
    static var health: Self {
        Self(BACKPLANE_EXTENSION_HEALTH, requires: "check") { unsafe $0.check != nil }
    }
}

extension backplane_health_extension_t: ABIStruct {
    static let sizes = [16]
}

extension PluginInstance {
    /// Asks the plugin whether the instance can serve, if it has a way to tell.
    package func checkHealth() throws(PluginError) {
        guard let check = unsafe generation.extensions[.health]?.check else { return }
        unsafe try LifecycleError.check("health check") { error in unsafe check(pointer, error) }
    }
}

extension PluginGeneration {
    package var tellsHealth: Bool { extensions[.health] != nil }
}
