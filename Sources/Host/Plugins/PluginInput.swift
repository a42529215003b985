internal import HostCore
internal import NIOCore
internal import PluginABI

#if canImport(Glibc)
internal import Glibc
#endif

/// Reads what a plugin passed, with any bytes that a confused plugin may come up with.
enum PluginInput {
    /// The largest body, in bytes.
    static let largestBody: UInt64 = 1 << 30
    /// The largest text, in bytes.
    static let largestText: UInt64 = 1 << 20

    /// A copy of a body; nil when it is NULL or over the limit.
    static func body(_ bytes: backplane_bytes_t) -> ByteBuffer? {
        guard unsafe bytes.size > 0 else { return ByteBuffer() }
        guard let data = unsafe bytes.data, unsafe bytes.size <= largestBody else { return nil }
        return unsafe ByteBuffer(bytes: UnsafeRawBufferPointer(start: data, count: Int(bytes.size)))
    }

    /// A text, in which what is not UTF-8 is replaced; nil when it is NULL or over 1 MiB.
    static func text(_ string: backplane_string_t) -> String? {
        guard unsafe string.size > 0 else { return "" }
        guard let data = unsafe string.data, unsafe string.size <= largestText else { return nil }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: data, count: Int(string.size)), as: UTF8.self)
    }

    /// A text that is likely to be one which is there already.
    static func text(_ string: backplane_string_t, mostly known: String) -> String? {
        let bytes = known.utf8Span.span
        let isKnown = unsafe bytes.withUnsafeBytes { bytes in
            unsafe UInt64(bytes.count) == string.size && string.size > 0
                && string.data != nil && memcmp(bytes.baseAddress!, string.data!, bytes.count) == 0
        }
        return isKnown ? known : unsafe text(string)
    }

    /// Header fields; nil when one of them can't stand in an HTTP message.
    static func headers(
        _ fields: UnsafePointer<backplane_header_t>?, count: UInt64
    ) -> [(name: String, value: String)]? {
        guard count > 0 else { return [] }
        guard let fields = unsafe fields, count <= largestText else { return nil }
        var headers: [(name: String, value: String)] = []
        for index in 0..<Int(count) {
            guard let name = unsafe text(fields[index].name),
                let value = unsafe text(fields[index].value), HTTPText.isField(name, value)
            else { return nil }
            headers.append((name, value))
        }
        return headers
    }
}
