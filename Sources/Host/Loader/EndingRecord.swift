internal import CLinux
internal import HostCore
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
internal import Glibc
#endif

/// A file in which the end of the process writes whose code has ended it, for the host that starts next: the plugin,
/// as the log's last line has it. Empty while the host runs, and where nothing reports ends: in programs that embed it.
///
/// A host holds the file's lock as long as it lives.
final class EndingRecord: Sendable {
    private let path: String
    private let descriptor: NIOLockedValueBox<CInt>

    /// - Parameter judge: gets what the last host's end has written, before that is forgotten; nil: nothing, or not
    ///   whose code it was.
    /// - Returns: nil when a host that lives has the file.
    init?(_ path: String, judge: (String?) -> Void) {
        self.path = path
        let file = unsafe open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        descriptor = NIOLockedValueBox(file)
        guard file >= 0 else {
            judge(nil)
            return
        }
        if flock(file, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            descriptor.withLockedValue { $0 = -1 }
            Glibc.close(file)
            return nil
        }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = unsafe read(file, &buffer, buffer.count)
        judge(count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil)
        ftruncate(file, 0)
        lseek(file, 0, SEEK_SET)
        // Open from now on: when a process dies, it may be of having no descriptors left.
        clinux_record_end(file)
    }

    /// The host ends in order.
    func close() {
        let file = descriptor.withLockedValue { descriptor in
            defer { descriptor = -1 }
            return descriptor
        }
        guard file >= 0 else { return }
        clinux_record_no_end(file)
        unsafe unlink(path)
        Glibc.close(file)
    }

    deinit { close() }
}
