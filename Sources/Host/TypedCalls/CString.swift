#if canImport(Glibc)
internal import Glibc
#endif

/// A NUL-terminated text that a function returned.
enum CString {
    /// The longest that is read, in bytes: one without an end must not take the host down with it.
    static let longest = 64 << 20

    static func bytes(
        _ text: UnsafeRawPointer, limit: Int = longest
    ) throws(TypedFailure) -> UnsafeRawBufferPointer {
        let count = unsafe strnlen(text.assumingMemoryBound(to: CChar.self), limit)
        guard count < limit || limit < longest else {
            throw .broken("the function returned a string of more than \(longest >> 20) MiB")
        }
        return unsafe UnsafeRawBufferPointer(start: text, count: count)
    }

    static var missing: TypedFailure {
        .broken("the function returned NULL, its signature says string: write string? if it may")
    }
}

extension CString {
    /// A message, in which what is not UTF-8 is replaced; nil when it is empty.
    static func text(_ text: UnsafeRawPointer, limit: Int) -> String? {
        let count = unsafe strnlen(text.assumingMemoryBound(to: CChar.self), limit)
        guard count > 0 else { return nil }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: text, count: count), as: UTF8.self)
    }

    static func message(errno: Int32) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { room in
            // Unlike strerror, from any thread.
            unsafe room.initialize(repeating: 0)
            _ = unsafe strerror_r(errno, room.baseAddress!, room.count)
            return unsafe text(room.baseAddress!, limit: room.count) ?? "error \(errno)"
        }
    }
}
