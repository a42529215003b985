internal import Foundation

/// How much of a streamed answer is on its way to the caller; a plugin that is faster than the caller waits here.
package final class StreamWindow: @unchecked Sendable {
    // Sendable: the members below are only touched under the condition's lock.
    private var unsent = 0
    private var isClosed = false
    private var isUnlimited = false
    private let condition = NSCondition()

    private static let limit = 256 << 10

    package init() {}

    /// Blocks until the caller has taken enough of what was sent before.
    ///
    /// - Returns: whether the stream is still open.
    package func waitForRoom(_ size: Int) -> Bool {
        condition.withLock {
            while !isClosed && !isUnlimited && unsent >= Self.limit { condition.wait() }
            guard !isClosed else { return false }
            unsent += size
            return true
        }
    }

    /// The caller has taken `size` bytes.
    package func release(_ size: Int) {
        condition.withLock {
            unsent -= size
            condition.signal()
        }
    }

    /// Nobody is to wait any more: whoever takes the stream keeps all of it.
    package func lift() {
        condition.withLock {
            isUnlimited = true
            condition.broadcast()
        }
    }

    /// The stream is over: whoever waits goes on.
    package func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }
}
