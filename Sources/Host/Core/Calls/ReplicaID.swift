internal import Synchronization

/// Names a replica for the life of the host.
package struct ReplicaID: Hashable, Sendable {
    /// From 1.
    package let number: Int
    private static let counter = Atomic<Int>(0)

    package init() {
        number = Self.counter.add(1, ordering: .relaxed).newValue
    }

    /// - Returns: nil for 0, which names none.
    package init?(number: Int) {
        guard number > 0 else { return nil }
        self.number = number
    }
}
