internal import Foundation

/// How much of a streamed answer is on its way to a client; a plugin that is faster than the client waits here.
final class StreamWindow: @unchecked Sendable {
    // Sendable: the members below are only touched under the condition's lock.
    private var unsent = 0
    private var isClosed = false
    private let condition = NSCondition()

    private static let limit = 256 << 10

    /// Blocks until the client has taken enough of what was sent before.
    ///
    /// - Returns: whether the stream is still open.
    func waitForRoom(_ size: Int) -> Bool {
        condition.withLock {
            while !isClosed && unsent >= Self.limit { condition.wait() }
            guard !isClosed else { return false }
            unsent += size
            return true
        }
    }

    /// The client has taken `size` bytes.
    func release(_ size: Int) {
        condition.withLock {
            unsent -= size
            condition.signal()
        }
    }

    /// The stream is over: whoever waits goes on.
    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}
