internal import Synchronization

/// Names a replica for the life of the host.
package struct ReplicaID: Hashable, Sendable {
    private let number: Int
    private static let counter = Atomic<Int>(0)

    package init() {
        number = Self.counter.add(1, ordering: .relaxed).newValue
    }
}
