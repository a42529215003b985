#if canImport(Glibc)
internal import Glibc
#endif

/// What the C library says of `errno`.
package enum SystemError {
    /// The text for the calling thread's `errno`, such as "No such file or directory".
    package static var current: String { text(errno) }

    package static func text(_ number: CInt) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        _ = unsafe strerror_r(number, &buffer, buffer.count)
        return String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
