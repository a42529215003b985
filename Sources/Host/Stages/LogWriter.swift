internal import HostCore
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Takes lines from any thread and writes them on one of its own, together with others of the moment. Whoever has a
/// line never waits: when the writing is slow, lines are lost, and their number is logged.
package final class LogWriter: Sendable {
    /// Where lines go; called by one thread at a time, which may be blocked.
    ///
    /// - Returns: how many of the lines could not be written.
    typealias Sink = @Sendable (_ lines: ByteBuffer) -> Int

    /// Bytes that may wait.
    static let capacity = 4 << 20
    /// Lost lines are logged so often at most.
    private static let reportInterval = TimeAmount.seconds(10)

    fileprivate struct State {
        var lines = ByteBuffer()
        /// How many lines have been taken in all, how many of them were handed to the sink, and with how many it is
        /// done.
        var taken = 0
        var handedOver = 0
        var done = 0
        /// How many are lost, of which the log knows nothing yet.
        var lost = 0
        var nextReport = NIODeadline.distantPast
        var isWriting = false
        /// Made for the first line. Not one of a pool: a file system that hangs would take it from others.
        var thread: SerialThread?
        /// Who waits until the sink is done with so many.
        var waiters: [(count: Int, body: @Sendable () -> Void)] = []
    }

    private let state = NIOLockedValueBox(State())
    private let logger: Logger
    private let sink: Sink

    init(logger: Logger, sink: @escaping Sink) {
        self.logger = logger
        self.sink = sink
    }

    deinit {
        state.withLockedValue { $0.thread }?.stop()
    }

    /// - Parameter line: with its end.
    func append(_ line: ByteBuffer) {
        let thread = state.withLockedValue { state -> SerialThread? in
            guard state.lines.readableBytes < Self.capacity else {
                state.lost += 1
                return nil
            }
            state.lines.writeImmutableBuffer(line)
            state.taken += 1
            guard !state.isWriting else { return nil }
            state.isWriting = true
            let thread = state.thread ?? SerialThread(name: "access log")
            state.thread = thread
            return thread
        }
        guard let thread else { return }
        Self.busy.withLockedValue { $0[ObjectIdentifier(self)] = self }
        thread.submit { self.writeAll() }
    }

    private func writeAll() {
        var lost = 0
        while let (lines, report) = takeLines(lost) {
            if report > 0 { tell(lost: report, "writing is slow, or fails") }
            lost = sink(lines)
        }
    }

    /// - Parameter lost: of the lines that were taken before.
    /// - Returns: lines to write, and how many lost ones are to be logged; nil: nothing is left to do.
    private func takeLines(_ lost: Int) -> (lines: ByteBuffer, report: Int)? {
        let (next, waiters) = state.withLockedValue {
            state -> ((lines: ByteBuffer, report: Int)?, [@Sendable () -> Void]) in
            state.lost += lost
            state.done = state.handedOver
            let waiters = state.takeSatisfiedWaiters()
            guard state.lines.readableBytes > 0 else {
                // Of lost lines the next one tells, or the end of the host.
                state.isWriting = false
                return (nil, waiters)
            }
            state.handedOver = state.taken
            defer { state.lines = ByteBuffer() }
            let report = state.takeReport(at: .now(), every: Self.reportInterval)
            return ((state.lines, report), waiters)
        }
        if next == nil { rest() }
        for waiter in waiters { waiter() }
        return next
    }

    private func tell(lost: Int, _ reason: String) {
        logger.warning("\(lost) lines of the access log are lost: \(reason)")
    }

    // MARK: The end

    /// Those of the process that have lines to write, or lost ones to tell of.
    private static let busy = NIOLockedValueBox<[ObjectIdentifier: LogWriter]>([:])

    /// Nothing is being written.
    private func rest() {
        Self.busy.withLockedValue { busy in
            let isDone = state.withLockedValue { !$0.isWriting && $0.lost == 0 }
            if isDone { busy[ObjectIdentifier(self)] = nil }
        }
    }

    /// Waits until the lines that the process has now are written; those that are not in time are counted in the log.
    ///
    /// For the end of a host, when its requests are over.
    package static func finishAll(within limit: Duration) async {
        let writers = busy.withLockedValue { Array($0.values) }
        await withTaskGroup { group in
            for writer in writers { group.addTask { await writer.finish(within: limit) } }
        }
    }

    /// As ``finishAll(within:)``, for this one.
    func finish(within limit: Duration) async {
        let done = Promise<Void>()
        let target = state.withLockedValue { state in
            if state.done < state.taken {
                state.waiters.append((state.taken, { done.fulfil() }))
            } else {
                done.fulfil()
            }
            return state.taken
        }
        var reason = "writing was slow, or failed"
        if await !done.isFulfilled(within: limit) {
            reason = "the host ends, and they could not be written in \(limit)"
        }
        let lost = state.withLockedValue { state in
            defer { state.lost = 0 }
            return state.lost + max(0, target - state.done)
        }
        if lost > 0 { tell(lost: lost, reason) }
        rest()
    }
}

extension LogWriter.State {
    fileprivate mutating func takeSatisfiedWaiters() -> [@Sendable () -> Void] {
        let satisfied = waiters.filter { $0.count <= done }.map(\.body)
        waiters.removeAll { $0.count <= done }
        return satisfied
    }

    /// How many lost lines are to be logged now.
    fileprivate mutating func takeReport(
        at now: NIODeadline, every interval: TimeAmount
    ) -> Int {
        guard lost > 0, now >= nextReport else { return 0 }
        nextReport = now + interval
        defer { lost = 0 }
        return lost
    }
}
