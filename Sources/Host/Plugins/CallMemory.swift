internal import HostCore
internal import NIOCore
internal import PluginABI

/// Host memory that one call has borrowed to the plugin beside its request; freed when the call is finished.
///
/// Sendable, unchecked: the registry's lock guards it while the call is in the registry, and whoever took the call out
/// has it alone.
@safe final class CallMemory: @unchecked Sendable {
    /// What `allocate_body` returned last.
    var body: AllocatedBody?

    /// The metadata's C struct, once it was asked for, and the one block of memory with all of its text.
    private(set) var metadata: UnsafeMutablePointer<backplane_metadata_t>?
    private var headers: UnsafeMutableBufferPointer<backplane_header_t>?
    private var text: UnsafeMutableBufferPointer<CChar>?

    deinit {
        unsafe metadata?.deallocate()
        unsafe headers?.deallocate()
        unsafe text?.deallocate()
    }

    /// The C struct for a call's metadata, made at the first use.
    func metadataPointer(
        _ make: () -> CallMetadata
    ) -> UnsafePointer<backplane_metadata_t> {
        if let metadata = unsafe metadata { return unsafe UnsafePointer(metadata) }
        let source = make()
        let fields =
            [
                source.httpMethod, source.path, source.query, source.requestID, source.shardKey,
                source.remoteAddress, source.scheme, source.subject,
            ] + source.headers.flatMap { [$0.name, $0.value] }
        var strings = unsafe copy(fields)[...]

        let pairs = UnsafeMutableBufferPointer<backplane_header_t>.allocate(
            capacity: source.headers.count)
        let result = UnsafeMutablePointer<backplane_metadata_t>.allocate(capacity: 1)
        let texts = unsafe (0..<8).map { _ in unsafe strings.removeFirst() }
        unsafe result.initialize(
            to: backplane_metadata_t(
                struct_size: UInt32(MemoryLayout<backplane_metadata_t>.size),
                origin: source.origin == .http
                    ? backplane_origin_t(BACKPLANE_ORIGIN_HTTP)
                    : backplane_origin_t(BACKPLANE_ORIGIN_HANDLE),
                http_method: texts[0], path: texts[1], query: texts[2], request_id: texts[3],
                shard_key: texts[4], headers: UnsafePointer(pairs.baseAddress),
                header_count: UInt64(pairs.count), remote_address: texts[5], scheme: texts[6],
                subject: texts[7]))
        for index in pairs.indices {
            unsafe pairs.initializeElement(
                at: index,
                to: backplane_header_t(name: strings.removeFirst(), value: strings.removeFirst()))
        }
        unsafe headers = pairs
        unsafe metadata = result
        return unsafe UnsafePointer(result)
    }

    /// Copies texts into one block and returns where each of them is.
    private func copy(_ fields: [String]) -> [backplane_string_t] {
        let size = fields.reduce(0) { $0 + $1.utf8.count }
        let block = UnsafeMutableBufferPointer<CChar>.allocate(capacity: max(size, 1))
        unsafe text = block
        var offset = 0
        return unsafe fields.map { field in
            let start = offset
            for byte in field.utf8 {
                unsafe block.initializeElement(at: offset, to: CChar(bitPattern: byte))
                offset += 1
            }
            return unsafe backplane_string_t(
                data: UnsafePointer(block.baseAddress! + start), size: UInt64(offset - start))
        }
    }
}

/// Zeroed memory for a response body, which the plugin fills and the host sends without a copy.
///
/// Sendable, unchecked: constant, and the plugin alone writes to the memory until the call is finished.
@safe struct AllocatedBody: @unchecked Sendable {
    /// Not NULL, also for a body without a byte.
    let address: UnsafeMutablePointer<UInt8>
    private let buffer: ByteBuffer

    init(size: Int) {
        var buffer = ByteBufferAllocator().buffer(capacity: max(size, 1))
        buffer.writeRepeatingByte(0, count: size)
        // The address outlives the closure because nobody ever writes through the buffer: its storage stays.
        unsafe address = buffer.withUnsafeMutableReadableBytes { bytes in
            unsafe bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
        }
        self.buffer = buffer
    }

    /// The first `size` bytes; nil when there are not so many.
    func prefix(_ size: UInt64) -> ByteBuffer? {
        guard size <= UInt64(buffer.readableBytes) else { return nil }
        return buffer.getSlice(at: buffer.readerIndex, length: Int(size))
    }
}

extension NativeObject {
    /// The C struct, whose text is valid as long as the object is.
    var value: backplane_native_t {
        unsafe backplane_native_t(
            type: backplane_string_t(
                data: UnsafePointer(typeText.baseAddress), size: UInt64(typeText.count)),
            object: address)
    }
}
