package import HostCore
internal import PluginABI

/// `backplane.batch_key/1`: a plugin says which calls may share a batch.
extension PluginExtension where Struct == backplane_batch_key_extension_t {
    static var batchKey: Self {
        Self(BACKPLANE_EXTENSION_BATCH_KEY, requires: "batch_key") { unsafe $0.batch_key != nil }
    }
}

extension backplane_batch_key_extension_t: ABIStruct {
    static let sizes = [16]
}

extension PluginGeneration {
    package var hasBatchKeys: Bool { batchKeys != nil }

    /// What the plugin says may share a batch with the call: calls of one method with the same key. Any thread.
    ///
    /// - Returns: 0 for a method that takes no batches, and when the plugin has no keys.
    package func batchKey(of call: any PluginCall, method: Int) -> UInt64 {
        guard let batchKey = unsafe batchKeys?.batch_key,
            descriptor.methods[method].isBatchable
        else { return 0 }
        var block = RequestBlock()
        defer { block.deallocate() }
        block.fill(call, method: method)
        return activity.run {
            unsafe withUnsafeMutablePointer(to: &block) { block in
                unsafe batchKey(block.pointee.pointer(block))
            }
        }
    }
}
