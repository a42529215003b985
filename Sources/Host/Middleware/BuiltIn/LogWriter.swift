internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// Takes lines from any thread and writes them on another one, together with others of the moment. Whoever has a line
/// never waits: when the writing is slow, lines are lost, and their number is logged.
final class LogWriter: Sendable {
    /// Where lines go; called by one thread at a time, which may be blocked.
    typealias Sink = @Sendable (_ lines: ByteBuffer) -> Void

    /// Bytes that may wait.
    static let capacity = 4 << 20

    private struct State {
        var lines = ByteBuffer()
        var lost = 0
        var isWriting = false
    }

    private let state = NIOLockedValueBox(State())
    private let logger: Logger
    private let sink: Sink

    init(logger: Logger, sink: @escaping Sink) {
        self.logger = logger
        self.sink = sink
    }

    /// - Parameter lines: each with its end.
    func append(_ lines: ByteBuffer) {
        let mustBegin = state.withLockedValue { state in
            guard state.lines.readableBytes < Self.capacity else {
                state.lost += 1
                return false
            }
            state.lines.writeImmutableBuffer(lines)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustBegin { NIOThreadPool.singleton.submit { _ in self.writeAll() } }
    }

    private func writeAll() {
        while true {
            let (lines, lost) = state.withLockedValue { state -> (ByteBuffer, Int) in
                defer {
                    state.lines = ByteBuffer()
                    state.lost = 0
                }
                state.isWriting = state.lines.readableBytes > 0
                return (state.lines, state.lost)
            }
            if lost > 0 {
                logger.warning("\(lost) lines of the access log are lost: writing is slow")
            }
            guard lines.readableBytes > 0 else { return }
            sink(lines)
        }
    }
}
