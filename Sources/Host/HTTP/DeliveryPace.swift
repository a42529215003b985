internal import NIOCore

/// Whether a client takes what it is sent, at the least rate that the host puts up with. Pure: no clock, no socket.
///
/// Nobody sees what a client reads, only what its kernel acknowledges. That takes a good deal before the client reads
/// anything, and goes on in steps: a kernel whose buffer is full opens its window when a large part of it is free
/// again. A client that reads one byte after the other seems to stand still meanwhile. So each byte that is taken
/// earns the time that it may last at the least rate, which is what a request's bytes earn, too. A client that reads
/// at that rate has always earned the time to its kernel's next step; one that stands still has what it took, up to
/// a limit.
struct DeliveryPace {
    /// The bytes that earn time at once: more than the steps in which kernels take them. Linux opens the window when
    /// half of the buffer is free, of which 344 KiB were the most that were seen.
    private static let largestCredit = 1 << 20

    /// When to look again: the time that has been earned.
    private(set) var deadline: NIODeadline
    private var taken: Int
    private let minimumRate: Int
    private let grace: TimeAmount

    /// - Parameters:
    ///   - taken: how many bytes the client's side has taken since the connection began. It may have yet to read them.
    ///   - minimumRate: bytes per second.
    ///   - grace: what a client may take longer.
    init(taken: Int, minimumRate: Int, grace: TimeAmount, at now: NIODeadline) {
        self.taken = taken
        self.minimumRate = minimumRate
        self.grace = grace
        deadline = now + grace + Self.time(for: min(taken, Self.largestCredit), at: minimumRate)
    }

    /// Looks at what the client has taken since the last time.
    ///
    /// - Returns: whether that is enough.
    mutating func isKept(taken: Int, at now: NIODeadline) -> Bool {
        let earned = Self.time(for: taken - self.taken, at: minimumRate)
        let latest = now + grace + Self.time(for: Self.largestCredit, at: minimumRate)
        deadline = min(deadline + earned, latest)
        self.taken = taken
        return deadline > now
    }

    private static func time(for bytes: Int, at rate: Int) -> TimeAmount {
        .nanoseconds(Int64(Double(bytes) / Double(rate) * 1e9))
    }
}
