internal import CZlib
internal import NIOCore

/// zlib's compressor, for one body. One thread at a time.
@safe final class Deflater {
    enum Flush {
        /// What was put in comes out at once, so that the other side can use it.
        case piece
        case end
    }

    /// On the heap: zlib keeps its address.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameters:
    ///   - level: 1, fast, to 9, small.
    ///   - size: the size of the body, if that is known: a small one needs little memory.
    /// - Returns: nil when there is no memory.
    init?(_ coding: ContentCoding, level: Int, size: Int? = nil) {
        let window = Self.windowBits(for: size)
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 16 more asks for gzip's wrapper in place of zlib's own. The hash table has the size of the window.
        let result = unsafe deflateInit2_(
            stream, Int32(level), Z_DEFLATED, coding == .gzip ? window + 16 : window,
            max(1, window - 7), Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// 9 to 15: zlib has no smaller one that works, and no larger one.
    private static func windowBits(for size: Int?) -> Int32 {
        guard let size, size < 1 << 15 else { return 15 }
        return max(9, Int32(Int.bitWidth - max(size, 1).leadingZeroBitCount))
    }

    func compress(_ input: ByteBuffer, _ flush: Flush) -> ByteBuffer {
        var output = ByteBuffer()
        let step = min(max(256, input.readableBytes / 2), 64 << 10)
        let mode = flush == .end ? Z_FINISH : Z_SYNC_FLUSH
        unsafe input.withUnsafeReadableBytes { bytes in
            // zlib doesn't write through the pointer; its type is older than const.
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.bindMemory(to: Bytef.self).baseAddress)
            unsafe stream.pointee.avail_in = uInt(bytes.count)
            // Room that is left over says that zlib has no more.
            repeat {
                unsafe output.writeWithUnsafeMutableBytes(minimumWritableBytes: step) { room in
                    unsafe stream.pointee.next_out = room.bindMemory(to: Bytef.self).baseAddress
                    unsafe stream.pointee.avail_out = uInt(clamping: room.count)
                    let size = unsafe Int(stream.pointee.avail_out)
                    unsafe deflate(stream, mode)
                    return unsafe size - Int(stream.pointee.avail_out)
                }
            } while unsafe stream.pointee.avail_out == 0
            unsafe stream.pointee.next_in = nil
        }
        return output
    }
}
