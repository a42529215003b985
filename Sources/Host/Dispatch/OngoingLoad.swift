internal import NIOCore

/// How many calls a backend had at once, averaged over time. Pure.
///
/// Costs a multiplication for each change; whoever never samples pays no more than that.
struct OngoingLoad {
    private var ongoing = 0
    /// Since when there are that many.
    private var since = NIODeadline.uptimeNanoseconds(0)
    private var lastSample = NIODeadline.uptimeNanoseconds(0)
    /// The sum of calls times nanoseconds since the last sample. It wraps around, which takes 100 days with 1,000
    /// calls, so only a backend that is not sampled comes to it.
    private var sum: Int64 = 0

    /// There are this many calls from now on, or since the last time this was told: a change that comes without a
    /// time counts from here.
    ///
    /// - Parameter now: may lie before what was told last, as threads read the clock before they take the lock.
    mutating func changed(to ongoing: Int, at now: NIODeadline) {
        if now > since {
            sum &+= Int64(self.ongoing) &* (now - since).nanoseconds
            since = now
        }
        self.ongoing = ongoing
    }

    /// The average since the last sample; the first one means nothing.
    mutating func sample(at now: NIODeadline) -> Double {
        changed(to: ongoing, at: now)
        let elapsed = (since - lastSample).nanoseconds
        guard elapsed > 0 else { return Double(ongoing) }
        let average = Double(sum) / Double(elapsed)
        lastSample = since
        sum = 0
        return average
    }
}
