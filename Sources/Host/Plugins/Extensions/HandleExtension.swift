internal import PluginABI

/// The C table of the extension `backplane.handle/1`: leads from the C functions to the library's ``PluginHandles``.
enum HandleExtension {
    /// Constant and immortal, the same one for all libraries: what is a library's own is behind its host table.
    nonisolated(unsafe) static let table: UnsafeRawPointer = {
        let table = UnsafeMutablePointer<backplane_handle_extension_t>.allocate(capacity: 1)
        unsafe table.initialize(
            to: backplane_handle_extension_t(
                struct_size: UInt32(MemoryLayout<backplane_handle_extension_t>.size),
                reserved: 0,
                open: { host, endpoint, flags, handle in
                    unsafe handles(host).open(endpoint, flags, of: host, output: handle)
                },
                close: { handle in unsafe handles(handle.host).close(handle) },
                call: { handle, request, onResponse, context in
                    unsafe handles(handle.host).call(handle, request, onResponse, context)
                },
                start: { handle, request, onResponse, context in
                    unsafe handles(handle.host).start(handle, request, onResponse, context)
                },
                get_native: { call, native in
                    unsafe HostTable.context(call.host).native(call, output: native)
                }))
        return UnsafeRawPointer(table)
    }()

    /// Only a library that has handles has the table.
    private static func handles(_ host: UnsafePointer<backplane_host_t>) -> PluginHandles {
        unsafe HostTable.context(host).handles!
    }
}

extension HostExtension {
    static var handle: HostExtension {
        unsafe HostExtension(BACKPLANE_EXTENSION_HANDLE) { context in
            context.handles == nil ? nil : unsafe HandleExtension.table
        }
    }
}
