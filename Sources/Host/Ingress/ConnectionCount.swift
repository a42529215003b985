internal import HostPlugins
internal import NIOConcurrencyHelpers
internal import Synchronization

/// How many connections are open, and that there are not too many.
final class ConnectionCount: Sendable {
    private let limit: Int
    private let open = Synchronization.Atomic<Int>(0)
    private let zero = NIOLockedValueBox<Outcome<Void>?>(nil)

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

    func leave() {
        guard open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        zero.withLockedValue { $0 }?.settle(.success(()))
    }

    /// Waits until all connections are closed. No new ones may come.
    ///
    /// - Returns: whether they were closed in time.
    func becomeZero(within timeout: Duration) async -> Bool {
        let outcome = Outcome<Void>()
        zero.withLockedValue { $0 = outcome }
        if open.load(ordering: .acquiring) == 0 { return true }
        do {
            try await outcome.wait(for: "closing connections", timeout: timeout)
            return true
        } catch {
            return false
        }
    }
}
