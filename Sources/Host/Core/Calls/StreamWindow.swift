internal import Foundation

/// How much of a streamed response is on its way to the caller; a plugin that is faster than the caller waits here.
package final class StreamWindow: @unchecked Sendable {
    // Sendable: the members below are only touched under the condition's lock.
    private var unsent = 0
    private var isClosed = false
    private var isUnlimited = false
    private var waiting: [@Sendable () -> Void] = []
    private let condition = NSCondition()

    private static let limit = 256 << 10

    package init() {}

    /// Blocks until the caller has taken enough of what was sent before.
    ///
    /// - Returns: whether the stream is still open.
    package func waitForRoom(_ size: Int) -> Bool {
        condition.withLock {
            while !hasRoom { condition.wait() }
            guard !isClosed else { return false }
            unsent += size
            return true
        }
    }

    /// For who can't block: the next ``waitForRoom(_:)`` will not, if nobody else comes first.
    ///
    /// - Parameter body: called once, also before this returns, on any thread.
    package func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) {
        let isThere = condition.withLock {
            if !hasRoom { waiting.append(body) }
            return hasRoom
        }
        if isThere { body() }
    }

    private var hasRoom: Bool { isClosed || isUnlimited || unsent < Self.limit }

    /// The caller has taken `size` bytes.
    package func release(_ size: Int) {
        change {
            unsent -= size
            condition.signal()
        }
    }

    /// Nobody is to wait any more: whoever takes the stream keeps all of it.
    package func lift() {
        change {
            isUnlimited = true
            condition.broadcast()
        }
    }

    /// The stream is over: whoever waits goes on.
    package func close() {
        change {
            isClosed = true
            condition.broadcast()
        }
    }

    /// Changes what there is room for, and tells those who have waited without a thread.
    private func change(_ body: () -> Void) {
        let ready = condition.withLock { () -> [@Sendable () -> Void] in
            body()
            guard hasRoom, !waiting.isEmpty else { return [] }
            defer { waiting = [] }
            return waiting
        }
        for listener in ready { listener() }
    }
}
