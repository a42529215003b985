internal import NIOCore

/// Whether a client takes what it is sent, at the least rate that the host puts up with. Pure: no clock, no socket.
///
/// It is looked at once per interval, so a client may pause for nearly two of them.
struct DeliveryPace {
    /// When to look again.
    private(set) var deadline: NIODeadline
    private var taken: Int
    private var start: NIODeadline
    private let minimumRate: Int
    private let interval: TimeAmount

    /// - Parameters:
    ///   - taken: how many bytes the client has taken since the connection began.
    ///   - minimumRate: bytes per second.
    init(taken: Int, minimumRate: Int, interval: TimeAmount, at now: NIODeadline) {
        self.taken = taken
        self.minimumRate = minimumRate
        self.interval = interval
        start = now
        deadline = now + interval
    }

    /// Looks at what the client has taken since the last time.
    ///
    /// - Returns: whether that is enough.
    mutating func isKept(taken: Int, at now: NIODeadline) -> Bool {
        let elapsedMilliseconds = Int((now - start).nanoseconds / 1_000_000)
        let least = max(1, minimumRate * elapsedMilliseconds / 1_000)
        guard taken - self.taken >= least else { return false }
        self.taken = taken
        start = now
        deadline = now + interval
        return true
    }
}
