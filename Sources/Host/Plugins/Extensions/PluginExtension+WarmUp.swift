package import HostCore
internal import PluginABI

/// `backplane.warmup/1`: an instance gets ready before it has calls.
extension PluginExtension where Struct == backplane_warmup_extension_t {
    static var warmUp: Self {
        Self(BACKPLANE_EXTENSION_WARMUP, requires: "warm_up") { unsafe $0.warm_up != nil }
    }
}

extension backplane_warmup_extension_t: ABIStruct {
    static let sizes = [16]
}

extension PluginInstance {
    /// Runs the plugin's warm-up, if it has one.
    package func warmUp() throws(PluginError) {
        guard let warmUp = unsafe generation.extensions[.warmUp]?.warm_up else { return }
        unsafe try LifecycleError.check("warm_up") { error in unsafe warmUp(pointer, error) }
    }
}
