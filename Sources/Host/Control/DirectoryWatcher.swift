internal import Foundation
internal import HostPlugins
internal import Logging
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// Notices files that appear, change or go in a directory (inotify).
///
/// The directory is watched, not the files, and only what ends a write counts: a close after writing, a rename into
/// the directory, a link, a removal. A file that is being written is never reported. Changes are reported when they
/// have been quiet for a moment, so that a burst is one change.
final class DirectoryWatcher: Sendable {
    enum Event: Sendable, Equatable {
        /// A file was written or moved in.
        case changed(String)
        case removed(String)
        /// Events were lost, or the directory itself was replaced: look at all of it again.
        case rescan
    }

    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let directory: String
    private let logger: Logger
    /// Written to end the thread.
    private let stopPipe: (read: CInt, write: CInt)
    private let isStopped = Atomic<Bool>(false)

    private static let quietPeriod: Duration = .milliseconds(50)
    /// How often the directory is looked for while it is missing.
    private static let retryMilliseconds: CInt = 500

    /// Starts to watch: what happens after this returns is reported.
    init(directory: String, logger: Logger) {
        self.directory = directory
        self.logger = logger
        (events, continuation) = AsyncStream.makeStream()
        var ends: [CInt] = [0, 0]
        let status = unsafe pipe(&ends)
        precondition(status == 0, "no pipe: \(SystemError.current)")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        stopPipe = (ends[0], ends[1])
        let inotify = addWatch()
        PluginThread.start(name: "watch") { [self] in watch(inotify) }
    }

    /// Ends the events.
    func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        close(stopPipe.write)
        continuation.finish()
    }

    // MARK: The watching thread

    private func watch(_ first: CInt?) {
        var inotify = first
        var debouncer = ChangeDebouncer(quietPeriod: Self.quietPeriod)
        defer {
            if let inotify { close(inotify) }
            close(stopPipe.read)
        }
        while true {
            if inotify == nil, let new = addWatch() {
                inotify = new
                continuation.yield(.rescan)
            }
            let wait = debouncer.nextDue.map { milliseconds(until: $0) }
            let timeout = inotify == nil ? Self.retryMilliseconds : wait ?? -1
            guard let isReadable = poll(inotify, timeout: timeout) else { return }
            if isReadable, let watched = inotify {
                var isLost = false
                for event in read(watched, isLost: &isLost) { debouncer.add(event, at: .now) }
                if isLost {
                    logger.warning("\(directory) was moved or removed; waiting for it to come back")
                    close(watched)
                    inotify = nil
                    continuation.yield(.rescan)
                }
            }
            for event in debouncer.takeDue(at: .now) { continuation.yield(event) }
        }
    }

    private func addWatch() -> CInt? {
        let inotify = inotify_init1(CInt(IN_CLOEXEC) | CInt(IN_NONBLOCK))
        guard inotify >= 0 else {
            logger.error(
                "cannot watch \(directory): \(SystemError.current); use `backplane reload`")
            return nil
        }
        let mask =
            IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF
            | IN_MOVE_SELF
            | Int32(IN_ONLYDIR)
        guard unsafe inotify_add_watch(inotify, directory, UInt32(bitPattern: mask)) >= 0 else {
            close(inotify)
            return nil
        }
        return inotify
    }

    /// - Returns: whether the watch has something to read; nil: stop.
    private func poll(_ inotify: CInt?, timeout: CInt) -> Bool? {
        var descriptors = [pollfd(fd: stopPipe.read, events: Int16(POLLIN), revents: 0)]
        if let inotify {
            descriptors.append(pollfd(fd: inotify, events: Int16(POLLIN), revents: 0))
        }
        _ = unsafe Glibc.poll(&descriptors, nfds_t(descriptors.count), timeout)
        if descriptors[0].revents != 0 { return nil }
        return descriptors.count > 1 && descriptors[1].revents != 0
    }

    /// - Parameter isLost: set when the directory itself has gone.
    private func read(_ inotify: CInt, isLost: inout Bool) -> [Event] {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe Glibc.read(inotify, &buffer, buffer.count)
        guard count > 0 else { return [] }
        var events: [Event] = []
        var offset = 0
        while offset < count {
            let (mask, nameSize) = unsafe buffer.withUnsafeBytes { bytes in
                unsafe (
                    bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self),
                    Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                )
            }
            let start = offset + 16
            let name = String(
                decoding: buffer[start..<start + nameSize].prefix { $0 != 0 }, as: UTF8.self)
            offset = start + nameSize
            if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                events.append(.rescan)
            } else if mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) != 0 {
                isLost = true
            } else if mask & UInt32(IN_CLOSE_WRITE | IN_MOVED_TO) != 0 {
                events.append(.changed(name))
            } else if mask & UInt32(IN_CREATE) != 0 {
                if isLink(name) { events.append(.changed(name)) }
            } else if mask & UInt32(IN_DELETE | IN_MOVED_FROM) != 0 {
                events.append(.removed(name))
            }
        }
        return events
    }

    /// Whether a new name stands for a file that was there before, which nobody will write and close: a symbolic link,
    /// or a hard one.
    private func isLink(_ name: String) -> Bool {
        guard
            let attributes = try? FileManager.default.attributesOfItem(
                atPath: "\(directory)/\(name)")
        else { return false }
        let type = attributes[.type] as? FileAttributeType
        let names = (attributes[.referenceCount] as? NSNumber)?.intValue ?? 1
        return type == .typeSymbolicLink || type == .typeRegular && names > 1
    }

    private func milliseconds(until instant: ContinuousClock.Instant) -> CInt {
        let left = instant - .now
        return CInt(
            max(0, left.components.seconds * 1_000)
                + max(0, left.components.attoseconds / 1_000_000_000_000_000) + 1)
    }
}
