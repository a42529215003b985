internal import PluginABI

/// `backplane.middleware/1`: a plugin makes stages. What becomes of them is in ``PluginStage``.
extension PluginExtension where Struct == backplane_middleware_extension_t {
    static var middleware: Self {
        Self(BACKPLANE_EXTENSION_MIDDLEWARE, requires: "on_request") {
            unsafe $0.on_request != nil
        }
    }
}

extension backplane_middleware_extension_t: ABIStruct {
    static let sizes = [56]
}
