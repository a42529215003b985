internal import HostCore
internal import NIOConcurrencyHelpers
internal import Synchronization

/// How many connections are open, and that there are not too many.
final class ConnectionCount: Sendable {
    private let limit: Int
    private let open = Synchronization.Atomic<Int>(0)
    private let refused = Synchronization.Atomic<Int>(0)
    private let zero = NIOLockedValueBox<Promise<Void>?>(nil)

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: false when the limit is reached; ``leave()`` is not owed then.
    func enter() -> Bool {
        guard open.add(1, ordering: .relaxed).newValue <= limit else {
            leave()
            return false
        }
        return true
    }

    /// One more connection could not enter.
    func noteRefusal() { refused.add(1, ordering: .relaxed) }

    /// How many could not enter since this was asked last.
    func takeRefusals() -> Int { refused.exchange(0, ordering: .relaxed) }

    func leave() {
        guard open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        zero.withLockedValue { $0 }?.fulfil()
    }

    /// Waits until all connections are closed. No new ones may come.
    ///
    /// - Returns: whether they were closed in time.
    func becomeZero(within timeout: Duration) async -> Bool {
        let isZero = Promise<Void>()
        zero.withLockedValue { $0 = isZero }
        if open.load(ordering: .acquiring) == 0 { return true }
        return await isZero.isFulfilled(within: timeout)
    }
}
