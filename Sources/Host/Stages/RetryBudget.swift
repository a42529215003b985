package import NIOCore

/// How many requests may be tried again: a share of all, so that retries don't finish off what is overloaded.
///
/// After Finagle's budget of the same name. Pure: whoever uses it tells the time, and holds a lock.
package struct RetryBudget: Sendable {
    private let share: Double
    private let reserve: Int
    private var requests: RollingCount
    private var retries: RollingCount

    /// - Parameters:
    ///   - share: retries for each request, such as 0.2.
    ///   - reserve: retries of a window that are free: where there are few requests, a share of them is nothing.
    package init(share: Double, reserve: Int, window: TimeAmount) {
        self.share = share
        self.reserve = reserve
        requests = RollingCount(over: window)
        retries = RollingCount(over: window)
    }

    /// A request has come for the first time.
    package mutating func deposit(at now: NIODeadline) {
        requests.add(at: now)
    }

    /// - Returns: whether one more may be tried again.
    package mutating func withdraw(at now: NIODeadline) -> Bool {
        let earned = share * Double(requests.count(at: now))
        guard Double(retries.count(at: now) + 1) <= Double(reserve) + earned else { return false }
        retries.add(at: now)
        return true
    }
}
