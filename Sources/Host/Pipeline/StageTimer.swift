internal import NIOCore

/// Takes the time that the stages of a chain spend on one request.
///
/// To read the clock costs what a small stage does. So the first requests of a chain are timed, and then every eighth,
/// which counts for eight.
struct StageTimer: Sendable {
    private static let timedAtFirst = 64
    private static let interval = 8

    /// How many requests this one stands for; 0: it is not timed.
    private let weight: Int

    /// - Parameter number: how many requests the chain has had before this one.
    init(request number: Int) {
        if number < Self.timedAtFirst {
            weight = 1
        } else {
            weight = number.isMultiple(of: Self.interval) ? Self.interval : 0
        }
    }

    /// Whether there is anything to ``add(_:to:of:)``.
    var isTiming: Bool { weight > 0 }

    /// Something without meaning for a request that is not timed.
    func now() -> NIODeadline { isTiming ? .now() : .distantPast }

    /// - Parameter start: from ``now()``, as `end` is.
    func add(_ start: NIODeadline, to end: NIODeadline, of meter: StageMeter) {
        meter.add((end - start) * weight)
    }
}
