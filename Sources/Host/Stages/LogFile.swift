internal import HostCore
internal import Logging
internal import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// A file that lines are appended to, and that others may move away: then a new one is made in its place.
///
/// Blocks; one thread at a time, which its owner sees to.
final class LogFile: @unchecked Sendable {
    // Sendable: see above.
    private let path: String
    private let logger: Logger
    private let lookEvery: TimeAmount
    private var descriptor: CInt
    private var lastLook = NIODeadline.now()
    private var isFailing = false

    /// - Parameter lookEvery: how often it is looked at whether the file is still there.
    /// - Throws: why the file can't be opened.
    init(
        _ path: String, logger: Logger, lookEvery: TimeAmount = .seconds(1)
    ) throws(OpenError) {
        self.path = path
        self.logger = logger
        self.lookEvery = lookEvery
        descriptor = Self.open(path)
        guard descriptor >= 0 else { throw OpenError(reason: SystemError.current) }
    }

    struct OpenError: Error {
        let reason: String
    }

    deinit { close(descriptor) }

    /// A named pipe that nobody reads is an error, rather than a wait.
    private static func open(_ path: String) -> CInt {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY
        let descriptor = unsafe Glibc.open(path, flags | O_NONBLOCK, 0o640)
        if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, O_APPEND) }
        return descriptor
    }

    /// - Returns: how many of the lines could not be written.
    func append(_ lines: ByteBuffer) -> Int {
        let now = NIODeadline.now()
        if now - lastLook >= lookEvery {
            lastLook = now
            reopenIfMoved()
        }
        var rest = lines
        while rest.readableBytes > 0 {
            let written = unsafe rest.withUnsafeReadableBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress, bytes.count)
            }
            if written < 0, errno == EINTR { continue }
            guard written >= 0 else {
                fail("can't be written")
                return rest.readableBytesView.count(where: { $0 == UInt8(ascii: "\n") })
            }
            rest.moveReaderIndex(forwardBy: written)
        }
        isFailing = false
        return 0
    }

    /// As logrotate leaves it: the path is another file's, or nobody's.
    private func reopenIfMoved() {
        guard let mine = FileStatus(of: descriptor) else { return }
        if let there = FileStatus(at: path), mine.device == there.device, mine.inode == there.inode
        {
            return
        }
        let other = Self.open(path)
        guard other >= 0 else { return fail("can't be opened again") }
        close(descriptor)
        descriptor = other
    }

    /// Says it once, until it works again.
    private func fail(_ what: String) {
        let reason = SystemError.current
        guard !isFailing else { return }
        isFailing = true
        logger.warning("the access log \(path) \(what): \(reason)")
    }
}
