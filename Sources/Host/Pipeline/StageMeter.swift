package import NIOCore
internal import Synchronization

/// What a stage has done since the host began to use it. Any thread.
package final class StageMeter: Sendable {
    private let calls = Atomic<Int>(0)
    private let errors = Atomic<Int>(0)
    private let nanoseconds = Atomic<Int64>(0)

    package struct Reading: Sendable, Codable, Equatable {
        /// Requests that came to the stage.
        package var calls: Int
        /// Requests that the stage has refused, or failed at.
        package var errors: Int
        /// The time that it took for them, on both ways, in seconds; the waiting that it did among it. Scaled up from a
        /// sample: see ``StageTimer``.
        package var seconds: Double
    }

    package var reading: Reading {
        Reading(
            calls: calls.load(ordering: .relaxed), errors: errors.load(ordering: .relaxed),
            seconds: Double(nanoseconds.load(ordering: .relaxed)) / 1e9)
    }

    func addCall() { calls.add(1, ordering: .relaxed) }

    /// The stage spoilt a request in another way than by refusing it.
    package func addError() { errors.add(1, ordering: .relaxed) }

    package func add(_ time: TimeAmount) { nanoseconds.add(time.nanoseconds, ordering: .relaxed) }
}
