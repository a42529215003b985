internal import CLinux
internal import HostCore
internal import Logging
internal import NIOConcurrencyHelpers
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// Notices files that appear, change or go in a directory (inotify, and a slow look from time to time).
///
/// The directory is watched, not the files, and only what ends a write counts: a close after writing, a rename into
/// the directory, a link, a removal. A file that is being written is never reported. A library that is whole when it is
/// closed is reported at once; other changes when they have been quiet for a moment, so that a burst is one change.
///
/// Not all that changes a file is an event in its directory: a link on the way to it leads elsewhere, something is
/// mounted, the directory itself is replaced, or the system has no more to watch with. So everything is looked at again
/// when a link on the way changes, and every ten seconds.
final class DirectoryWatcher: Sendable {
    enum Event: Sendable, Equatable {
        /// A file was written or moved in.
        case changed(String)
        case removed(String)
        /// A file elsewhere that a file depends on, such as a library that it brings along.
        case companionChanged(String)
        /// Events were lost, or the directory itself was replaced: look at all of it again.
        case rescan
        /// All that had happened when it was asked for has been reported.
        case mark(Int)
    }

    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let orders = NIOLockedValueBox(Orders())
    /// Written to when there are new orders.
    private let wakePipe: (read: CInt, write: CInt)
    /// The inotify instance, to be asked whether there is something to read; -1: none.
    private let descriptor = Atomic<CInt>(-1)
    /// Whether something that has happened is not reported yet.
    private let isBehind = Atomic<Bool>(false)
    private let onReport: @Sendable (Event) -> Void

    /// What the watching thread is to do.
    private struct Orders {
        /// By the file that depends on them.
        var followed: [String: [String]] = [:]
        var marks: [Int] = []
        var lastMark = 0
        var isStopped = false
        /// Whether the thread has ended, and the pipe is closed.
        var isOver = false
    }

    /// Starts to watch: what happens after this returns is reported.
    ///
    /// - Parameters:
    ///   - isOfInterest: whether a file of a name is to be reported.
    ///   - onReport: told of each event before it can be read from ``events``. On the watching thread.
    init(
        directory: String, isOfInterest: @escaping @Sendable (String) -> Bool, logger: Logger,
        onReport: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        // Bound: the catalog takes up each at once, and keeps one of a kind in a row for each file.
        (events, continuation) = AsyncStream.makeStream()
        self.onReport = onReport
        var ends: [CInt] = [0, 0]
        let status = unsafe clinux_pipe(&ends)
        precondition(status == 0, "no pipe: \(SystemError.current)")
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wakePipe = (ends[0], ends[1])
        // Here, not on the thread: what is there now is what changes are told from.
        let start = WatchLoop(directory, Inotify(), isOfInterest: isOfInterest, logger: logger)
        descriptor.store(start.inotify?.descriptor ?? -1, ordering: .relaxed)
        PluginThread.start(name: "watch") { [self] in
            var loop = start
            loop.report = report
            run(&loop)
        }
    }

    /// Ends the events.
    func stop() {
        tell { $0.isStopped = true }
        continuation.finish()
    }

    /// Reports changes of other files as ones of a file that depends on them.
    ///
    /// - Parameter paths: in place of those before.
    func follow(_ paths: [String], for file: String) {
        let isNew = orders.withLockedValue { $0.followed[file] ?? [] } != paths
        if isNew { tell { $0.followed[file] = paths.isEmpty ? nil : paths } }
    }

    /// Whether something has happened that is not reported yet. Any thread; doesn't block.
    var hasNews: Bool {
        if isBehind.load(ordering: .acquiring) { return true }
        var inotify = pollfd(
            fd: descriptor.load(ordering: .relaxed), events: Int16(POLLIN), revents: 0)
        return unsafe inotify.fd >= 0 && poll(&inotify, 1, 0) > 0
    }

    /// Asks for a mark behind all that has happened until now.
    func requestMark() -> Int {
        var mark = 0
        tell { orders in
            orders.lastMark += 1
            orders.marks.append(orders.lastMark)
            mark = orders.lastMark
        }
        return mark
    }

    private func tell(_ change: (inout Orders) -> Void) {
        orders.withLockedValue { orders in
            change(&orders)
            // A full pipe wakes the thread as well.
            if !orders.isOver { _ = unsafe write(wakePipe.write, [1 as UInt8], 1) }
        }
    }

    private func report(_ event: Event) {
        onReport(event)
        continuation.yield(event)
    }

    // MARK: The watching thread

    private func run(_ loop: inout WatchLoop) {
        defer {
            orders.withLockedValue { orders in
                orders.isOver = true
                close(wakePipe.read)
                close(wakePipe.write)
            }
        }
        while true {
            if !loop.isBehind { isBehind.store(false, ordering: .releasing) }
            wait(for: loop.inotify, loop.timeout)
            isBehind.store(true, ordering: .releasing)
            let new = orders.withLockedValue { orders in
                defer { orders.marks = [] }
                return orders
            }
            if new.isStopped { return }
            loop.follow(new.followed)
            loop.work()
            loop.expect(new.marks)
        }
    }

    /// Waits for inotify, for new orders, or until the time is over.
    private func wait(for inotify: Inotify?, _ milliseconds: CInt) {
        var descriptors = [pollfd(fd: wakePipe.read, events: Int16(POLLIN), revents: 0)]
        if let inotify {
            descriptors.append(pollfd(fd: inotify.descriptor, events: Int16(POLLIN), revents: 0))
        }
        _ = unsafe poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        var bytes = [UInt8](repeating: 0, count: 256)
        while unsafe read(wakePipe.read, &bytes, bytes.count) == bytes.count {}
    }
}
