internal import HostCore
internal import NIOCore
internal import PluginABI

/// The C request struct that a plugin is lent for a call, with the memory for the text it points to.
@safe struct RequestBlock {
    private var request = unsafe backplane_request_t()
    private var contentType: UnsafeMutablePointer<CChar>
    private var contentTypeCapacity: Int

    init() {
        contentTypeCapacity = 64
        unsafe contentType = .allocate(capacity: contentTypeCapacity)
    }

    /// Frees the memory: the struct must not be used any more. Those of a registry's slots live on.
    func deallocate() {
        unsafe contentType.deallocate()
    }

    /// The C struct's address, which is that of the block.
    func pointer(_ block: UnsafeMutablePointer<RequestBlock>) -> UnsafePointer<backplane_request_t>
    {
        unsafe UnsafeRawPointer(block).assumingMemoryBound(to: backplane_request_t.self)
    }

    mutating func fill(_ call: any PluginCall, method: Int) {
        unsafe request.struct_size = UInt32(MemoryLayout<backplane_request_t>.size)
        unsafe request.method = UInt32(method)
        unsafe request.deadline_ns = call.deadline?.uptimeNanoseconds ?? 0

        // The bytes stay where they are: the registry holds the call, the call its argument, and nobody changes that.
        let body = unsafe call.argument.withUnsafeReadableBytesWithStorageManagement { bytes, _ in
            unsafe backplane_bytes_t(
                data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                size: UInt64(bytes.count))
        }
        unsafe request.body = unsafe body

        var text = call.contentType
        let size = text.utf8.count
        if size > contentTypeCapacity {
            unsafe contentType.deallocate()
            contentTypeCapacity = size
            unsafe contentType = .allocate(capacity: size)
        }
        text.withUTF8 { utf8 in
            unsafe UnsafeMutableRawBufferPointer(start: contentType, count: size)
                .copyMemory(from: UnsafeRawBufferPointer(utf8))
        }
        unsafe request.content_type = unsafe backplane_string_t(
            data: UnsafePointer(contentType), size: UInt64(size))
    }
}
