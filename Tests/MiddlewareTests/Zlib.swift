import CZlib
import NIOCore

/// Bodies packed and unpacked by zlib's own functions, apart from the host's.
enum Zlib {
    enum Wrapper: Int32, CaseIterable {
        case gzip = 31
        case zlib = 15
        /// Neither: what some call deflate.
        case raw = -15
    }

    static func pack(_ bytes: [UInt8], as wrapper: Wrapper) -> ByteBuffer {
        var stream = z_stream()
        let result = deflateInit2_(
            &stream, 6, Z_DEFLATED, wrapper.rawValue, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK)
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](
            repeating: 0, count: Int(deflateBound(&stream, uLong(bytes.count))) + 64)
        let size = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = uInt(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = uInt(output.count)
                precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END)
                return output.count - Int(stream.avail_out)
            }
        }
        return ByteBuffer(bytes: output[..<size])
    }

    /// What can be unpacked of gzip or zlib, and whether that is the end.
    static func unpack(_ body: ByteBuffer) -> (text: String, isWhole: Bool)? {
        var stream = z_stream()
        precondition(
            inflateInit2_(&stream, 47, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(&stream) }
        var input = Array(body.readableBytesView)
        var output = [UInt8](repeating: 0, count: 1 << 20)
        var result = Z_OK
        let size = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = uInt(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = uInt(output.count)
                result = inflate(&stream, Z_SYNC_FLUSH)
                return output.count - Int(stream.avail_out)
            }
        }
        guard result == Z_OK || result == Z_STREAM_END, stream.avail_in == 0 else { return nil }
        return (String(decoding: output[..<size], as: UTF8.self), result == Z_STREAM_END)
    }
}
