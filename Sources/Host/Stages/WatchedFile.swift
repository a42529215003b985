internal import HostCore
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
internal import Glibc
#endif

/// A file of keys that is read again when it has changed. Any thread; nobody waits for the disk who doesn't ask to.
final class WatchedFile<Content: Sendable>: Sendable {
    /// What a file is called, and how it is read.
    struct Reading: Sendable {
        /// Permissions that others than the owner may not have.
        let forbidden: UInt32
        let parse: @Sendable ([UInt8]) throws(FileProblem) -> Content
    }

    private struct State {
        var content: Content
        var stamp: Stamp
        var checked: NIODeadline
        var isChecking = false
    }

    private let path: String
    private let reading: Reading
    private let logger: Logger
    private let state: NIOLockedValueBox<State>

    /// Reads the file; blocks on the disk.
    ///
    /// - Throws: ``FileProblem`` when it can't be read, or others than its owner may.
    init(_ path: String, _ reading: Reading, logger: Logger) throws(FileProblem) {
        self.path = path
        self.reading = reading
        self.logger = logger
        let (bytes, stamp) = try SmallFile.load(path, forbidden: reading.forbidden)
        state = NIOLockedValueBox(
            State(content: try reading.parse(bytes), stamp: stamp, checked: .now()))
    }

    /// What was last read; that is looked at again every two seconds, for those who come after.
    var content: Content {
        let (content, isDue) = claimCheck(olderThan: .seconds(2))
        if isDue { NIOThreadPool.singleton.submit { _ in self.check() } }
        return content
    }

    /// What is in the file now, unless it was looked at just before.
    func refreshed() async -> Content {
        let (content, isDue) = claimCheck(olderThan: .seconds(1))
        guard isDue else { return content }
        return await withCheckedContinuation { continuation in
            NIOThreadPool.singleton.submit { _ in
                self.check()
                continuation.resume(returning: self.state.withLockedValue { $0.content })
            }
        }
    }

    private func claimCheck(olderThan age: TimeAmount) -> (Content, Bool) {
        let now = NIODeadline.now()
        return state.withLockedValue { state in
            let isDue = !state.isChecking && now - state.checked >= age
            if isDue { state.isChecking = true }
            return (state.content, isDue)
        }
    }

    /// Blocks on the disk. A file that can't be read changes nothing, and is told of once.
    private func check() {
        let known = state.withLockedValue { $0.stamp }
        var (content, stamp): (Content?, Stamp) = (nil, known)
        do throws(FileProblem) {
            stamp = try SmallFile.stamp(of: path)
            if stamp != known {
                let (bytes, newer) = try SmallFile.load(path, forbidden: reading.forbidden)
                stamp = newer
                content = try reading.parse(bytes)
                logger.info("read \(path) again")
            }
        } catch {
            if stamp == known { stamp = .none }
            if stamp != known { logger.warning("\(error); what was read before goes on to hold") }
        }
        state.withLockedValue { state in
            if let content { state.content = content }
            state.stamp = stamp
            state.checked = .now()
            state.isChecking = false
        }
    }
}

/// Why a file can't be used, in one line with its path. Tells nothing of what is in it.
struct FileProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What tells one content of a file from another: the time of its last change, that of its permissions among them.
struct Stamp: Equatable {
    /// There is no such file.
    static let none = Stamp(inode: 0, size: -1, seconds: 0, nanoseconds: 0)

    let inode: UInt64
    let size: Int
    let seconds: Int
    let nanoseconds: Int
}

/// A file that is read as a whole.
enum SmallFile {
    private static let largest = 1 << 20

    static func stamp(of path: String) throws(FileProblem) -> Stamp {
        guard let status = FileStatus(at: path) else { throw unreadable(path) }
        return stamp(of: status)
    }

    /// - Parameter forbidden: permissions that nobody but the owner may have.
    static func load(
        _ path: String, forbidden: UInt32
    ) throws(FileProblem) -> ([UInt8], Stamp) {
        // A FIFO would block the open for ever; O_NONBLOCK and the check below keep to regular files.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw unreadable(path) }
        defer { close(file) }
        guard let status = FileStatus(of: file) else { throw unreadable(path) }
        guard status.isRegular else {
            throw FileProblem("\(path) is not a regular file")
        }
        guard status.permissions & forbidden == 0 else {
            let remedy = forbidden & 0o044 == 0 ? "go-w" : "go-rwx"
            throw FileProblem(
                "others than its owner may \(forbidden & 0o044 == 0 ? "write" : "read") \(path): run chmod \(remedy)"
            )
        }
        guard status.size <= largest else {
            throw FileProblem("\(path) is over the limit of \(largest) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: status.size)
        var count = 0
        while count < bytes.count {
            let size = unsafe bytes[count...].withUnsafeMutableBytes { room in
                unsafe read(file, room.baseAddress, room.count)
            }
            guard size >= 0 else { throw unreadable(path) }
            guard size > 0 else { break }
            count += size
        }
        return (Array(bytes[..<count]), stamp(of: status))
    }

    private static func stamp(of status: FileStatus) -> Stamp {
        Stamp(
            inode: status.inode, size: status.size, seconds: status.changed.seconds,
            nanoseconds: status.changed.nanoseconds)
    }

    private static func unreadable(_ path: String) -> FileProblem {
        FileProblem("can't read \(path): \(SystemError.current)")
    }
}
