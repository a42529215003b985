internal import HostCore
internal import Logging
internal import NIOCore
internal import PluginABI

/// The C table of host services that one loaded library is handed, and what is behind it.
///
/// Never freed: threads that a plugin forgot may call in through it as long as the process lives.
@safe struct HostTable: @unchecked Sendable {
    // Sendable: the memory is written once, here, and constant from then on; what it refers to is Sendable.
    private let storage: UnsafeMutablePointer<Storage>

    /// The C struct first, so that its address leads back to the context.
    @safe private struct Storage {
        var table: backplane_host_t
        var context: Unmanaged<HostContext>
    }

    init(context: HostContext) {
        let table = unsafe backplane_host_t(
            struct_size: UInt32(MemoryLayout<backplane_host_t>.size),
            abi_major: UInt16(BACKPLANE_ABI_MAJOR),
            abi_minor: UInt16(BACKPLANE_ABI_MINOR),
            name: immortalCString("backplane"),
            version: immortalCString(HostVersion.current),
            finish: { call, response in
                unsafe HostTable.context(call.host).finish(call, response)
            },
            fail: { call, status, message in
                unsafe HostTable.context(call.host).fail(call, status, message)
            },
            fail_with: { call, failure in
                unsafe HostTable.context(call.host).fail(call, with: failure)
            },
            write: { call, part in unsafe HostTable.context(call.host).write(call, part) },
            allocate_body: { call, size in
                unsafe HostTable.context(call.host).allocateBody(call, size)
            },
            get_metadata: { call in unsafe HostTable.context(call.host).metadata(call) },
            is_cancelled: { call in unsafe HostTable.context(call.host).isCancelled(call) },
            log: { host, record in unsafe HostTable.context(host).log(record) },
            log_enabled: { host, level in
                unsafe HostTable.context(host).isLogged(level) ? 1 : 0
            },
            get_extension: { host, identifier in
                unsafe HostTable.context(host).hostExtension(identifier)
            }
        )
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: Storage(table: table, context: .passRetained(context)))
    }

    var pointer: UnsafePointer<backplane_host_t> {
        unsafe UnsafeRawPointer(storage).assumingMemoryBound(to: backplane_host_t.self)
    }

    static func context(_ host: UnsafePointer<backplane_host_t>) -> HostContext {
        unsafe UnsafeRawPointer(host).assumingMemoryBound(to: Storage.self)
            .pointee.context.takeUnretainedValue()
    }
}

/// A C string that lives as long as the process.
func immortalCString(_ text: String) -> UnsafePointer<CChar> {
    let utf8 = text.utf8CString
    let memory = UnsafeMutableBufferPointer<CChar>.allocate(capacity: utf8.count)
    _ = unsafe memory.initialize(from: utf8)
    return unsafe UnsafePointer(memory.baseAddress!)
}
