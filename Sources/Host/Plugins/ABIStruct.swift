internal import PluginABI

/// A struct that plugins pass to the host and that may grow.
///
/// A plugin says how large its struct is. If it was built with an older header the struct ends before members that this
/// host knows; with a newer one it goes on behind them. So nothing is read through the plugin's pointer: what both
/// sides know is copied into a struct of the host's own, whose other members are zero, and zero means what it meant
/// before there were such members.
package protocol ABIStruct {
    /// In bytes: in ABI 1.0, and in each minor version that made it larger. The last one is the size that this host's
    /// header says.
    static var sizes: [Int] { get }
}

extension ABIStruct {
    /// The size in ABI 1.0, which the plugin's has at least.
    static var smallestSize: Int { sizes[0] }

    /// Copies a plugin's struct.
    ///
    /// - Parameter size: what the plugin says, in bytes.
    /// - Returns: nil when it is smaller than in ABI 1.0.
    package static func copy(_ pointer: UnsafeRawPointer, size: Int) -> Self? {
        // Whole members alone: what a size that no version has holds of another one is left alone.
        let known =
            size >= MemoryLayout<Self>.size
            ? MemoryLayout<Self>.size : sizes.last { $0 <= size }
        guard let known else { return nil }
        return unsafe withUnsafeTemporaryAllocation(of: Self.self, capacity: 1) { copy in
            let bytes = UnsafeMutableRawBufferPointer(copy)
            _ = unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
            unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: known))
            return unsafe copy[0]
        }
    }

    /// Copies a plugin's struct that begins with its size.
    ///
    /// - Returns: nil when it is smaller than in ABI 1.0.
    package static func copy(_ pointer: UnsafeRawPointer) -> Self? {
        unsafe copy(pointer, size: Int(pointer.loadUnaligned(as: UInt32.self)))
    }
}

// MARK: - The table: one line for each struct; extensions have theirs in their files. A minor version that makes one
// larger appends its size.

extension backplane_plugin_t: ABIStruct {
    static let sizes = [104]
}
extension backplane_method_t: ABIStruct {
    static let sizes = [48]
}
extension backplane_response_t: ABIStruct {
    static let sizes = [56]
}
extension backplane_failure_t: ABIStruct {
    static let sizes = [80]
}
extension backplane_log_record_t: ABIStruct {
    static let sizes = [48]
}
extension backplane_error_t: ABIStruct {
    static let sizes = [16]
}
extension backplane_handle_request_t: ABIStruct {
    static let sizes = [168]
}

/// The table, for those who check it against the header.
package enum ABIStructs {
    package struct Row: Sendable {
        /// The C struct's.
        package let name: String
        package let sizes: [Int]
        /// As this host's header has it.
        package let currentSize: Int

        init<Struct: ABIStruct>(_ type: Struct.Type) {
            name = String(describing: type)
            sizes = type.sizes
            currentSize = MemoryLayout<Struct>.size
        }
    }

    package static let all =
        unsafe [
            Row(backplane_plugin_t.self), Row(backplane_method_t.self),
            Row(backplane_response_t.self), Row(backplane_failure_t.self),
            Row(backplane_log_record_t.self), Row(backplane_error_t.self),
            Row(backplane_handle_request_t.self),
        ] + ABIExtensions.ofPlugins.map(\.sizes)
}
