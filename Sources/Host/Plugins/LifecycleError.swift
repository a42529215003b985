internal import HostCore
internal import HostTypedCalls
internal import PluginABI

/// Calls a lifecycle function of a plugin and turns its status and message into a ``PluginError``.
enum LifecycleError {
    private static let capacity = 1024

    /// - Parameter name: the function's name, for the message.
    static func check(
        _ name: String, _ body: (UnsafeMutablePointer<backplane_error_t>) -> backplane_status_t
    ) throws(PluginError) {
        var message = [CChar](repeating: 0, count: capacity)
        let status = unsafe message.withUnsafeMutableBufferPointer { buffer in
            var error = unsafe backplane_error_t(
                struct_size: UInt32(MemoryLayout<backplane_error_t>.size),
                capacity: UInt32(capacity), message: buffer.baseAddress!)
            return unsafe body(&error)
        }
        guard status != backplane_status_t(BACKPLANE_STATUS_OK) else { return }
        message[capacity - 1] = 0
        let text = String(
            decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let code = StatusCode(failure: status).name
        throw PluginError(
            .lifecycleFailed,
            text.isEmpty ? "\(name) failed: \(code)" : "\(name) failed: \(text) (\(code))")
    }
}

extension LifecycleError {
    /// What the parameter `error` of a typed method is.
    static var form: ErrorForm {
        unsafe ErrorForm(size: MemoryLayout<backplane_error_t>.size, capacity: capacity) {
            block, message in
            let text = unsafe message.initializeMemory(as: CChar.self, repeating: 0, count: 1)
            unsafe block.initializeMemory(
                as: backplane_error_t.self,
                to: backplane_error_t(
                    struct_size: UInt32(MemoryLayout<backplane_error_t>.size),
                    capacity: UInt32(capacity), message: text))
        }
    }
}
