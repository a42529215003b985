internal import CZlib
internal import NIOCore

/// A body that is being unpacked, in steps, up to a limit. One thread at a time.
@safe final class Inflater {
    enum Step: Equatable {
        /// There is more to do.
        case unfinished
        case finished
        /// The body is not what its coding says, or stops in the middle.
        case malformed
        /// Unpacked, it is over the limit.
        case tooLarge
    }

    private let coding: ContentCoding
    private let limit: Int
    private var input: ByteBuffer
    /// What has been unpacked: a byte more than the limit at the most.
    private(set) var output = ByteBuffer()
    /// On the heap: zlib keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter limit: the largest body that may come out, in bytes.
    /// - Returns: nil when there is no memory.
    init?(_ coding: ContentCoding, _ input: ByteBuffer, limit: Int) {
        self.coding = coding
        self.input = input
        self.limit = limit
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 16 more asks for gzip's wrapper in place of zlib's own.
        let result = unsafe inflateInit2_(
            stream, coding == .gzip ? 15 + 16 : 15, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Goes on for about so many bytes, those that go in and those that come out.
    func run(for budget: Int) -> Step {
        var work = 0
        while work < budget {
            let room = min(16 << 10, limit + 1 - output.readableBytes)
            let (result, taken, given) = inflateOnce(room)
            work += taken + given
            guard output.readableBytes <= limit else { return .tooLarge }
            switch result {
            case Z_STREAM_END where input.readableBytes == 0: return .finished
            // A gzip file may have several members (RFC 1952, section 2.2).
            case Z_STREAM_END where coding == .gzip: unsafe inflateReset(stream)
            case Z_OK where taken + given > 0: continue
            // What zlib calls a lack of room is one of bytes here: there always is room.
            default: return .malformed
            }
        }
        return .unfinished
    }

    private func inflateOnce(_ room: Int) -> (result: Int32, taken: Int, given: Int) {
        var result = Z_OK
        let before = (input.readableBytes, output.readableBytes)
        unsafe input.readWithUnsafeReadableBytes { bytes in
            // zlib doesn't write through the pointer; its type is older than const.
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.bindMemory(to: Bytef.self).baseAddress)
            unsafe stream.pointee.avail_in = uInt(clamping: bytes.count)
            let size = unsafe Int(stream.pointee.avail_in)
            unsafe output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { free in
                unsafe stream.pointee.next_out = free.bindMemory(to: Bytef.self).baseAddress
                unsafe stream.pointee.avail_out = uInt(room)
                result = unsafe inflate(stream, Z_NO_FLUSH)
                return unsafe room - Int(stream.pointee.avail_out)
            }
            unsafe stream.pointee.next_in = nil
            return unsafe size - Int(stream.pointee.avail_in)
        }
        return (result, before.0 - input.readableBytes, output.readableBytes - before.1)
    }
}
