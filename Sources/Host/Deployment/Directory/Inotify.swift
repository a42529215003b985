#if canImport(Glibc)
internal import Glibc
#endif

/// An inotify instance: the kernel's reports of what happens in directories. Used by one thread.
final class Inotify: Sendable {
    struct Event {
        let watch: CInt
        let mask: UInt32
        let name: String

        /// More happened than the kernel could keep.
        var isLoss: Bool { isAny(IN_Q_OVERFLOW) }
        /// The watch is no more.
        var isLast: Bool { isAny(IN_IGNORED) }
        /// The directory itself has gone, or has another name.
        var isAboutDirectory: Bool {
            isAny(IN_DELETE_SELF, IN_MOVE_SELF, IN_IGNORED, IN_UNMOUNT)
        }
        /// A file was written and closed, or moved in.
        var isArrival: Bool { isAny(IN_CLOSE_WRITE, IN_MOVED_TO) }
        var isCreation: Bool { isAny(IN_CREATE) }
        var isRemoval: Bool { isAny(IN_DELETE, IN_MOVED_FROM) }

        private func isAny(_ masks: Int32...) -> Bool {
            masks.contains { mask & UInt32(bitPattern: $0) != 0 }
        }
    }

    let descriptor: CInt

    /// - Returns: nil when the system has none left.
    init?() {
        descriptor = inotify_init1(CInt(IN_CLOEXEC) | CInt(IN_NONBLOCK))
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// Only what ends a write, or changes what a name leads to. Not the writing: a file that is being written is of no
    /// interest.
    private static let mask =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF
        | IN_MOVE_SELF | Int32(IN_ONLYDIR)

    /// - Returns: the watch, the same one for a directory that is watched already; nil with `errno`.
    func watch(_ directory: String) -> CInt? {
        let watch = unsafe inotify_add_watch(
            descriptor, directory, UInt32(bitPattern: Self.mask))
        return watch >= 0 ? watch : nil
    }

    func unwatch(_ watch: CInt) {
        inotify_rm_watch(descriptor, watch)
    }

    /// What has happened; empty when there is nothing.
    func read() -> [Event] {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return [] }
        var events: [Event] = []
        var offset = 0
        while offset < count {
            let (watch, mask, nameSize) = unsafe buffer.withUnsafeBytes { bytes in
                unsafe (
                    bytes.loadUnaligned(fromByteOffset: offset, as: CInt.self),
                    bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self),
                    Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                )
            }
            let start = offset + 16
            let name = String(
                decoding: buffer[start..<start + nameSize].prefix { $0 != 0 }, as: UTF8.self)
            events.append(Event(watch: watch, mask: mask, name: name))
            offset = start + nameSize
        }
        return events
    }
}
