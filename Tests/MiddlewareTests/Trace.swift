import NIOConcurrencyHelpers

/// What stages, and callers, have seen, in order.
final class Trace: Sendable {
    private let recorded = NIOLockedValueBox<[String]>([])

    var events: [String] { recorded.withLockedValue { $0 } }

    func add(_ event: String) { recorded.withLockedValue { $0.append(event) } }
}
