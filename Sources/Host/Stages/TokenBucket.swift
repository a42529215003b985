/// Who may have so many things at once, and more as time goes on.
///
/// Exact: a token is counted as the nanoseconds of a period, of which each nanosecond brings as many as there are
/// tokens in one. No division loses anything.
package struct TokenBucket: Sendable {
    /// What all buckets of a kind have in common.
    package struct Rate: Sendable, Equatable {
        /// Tokens that come in a period.
        package let tokens: Int64
        /// In nanoseconds.
        package let period: Int64
        /// Tokens that a full bucket has.
        package let burst: Int64
        fileprivate let capacity: Int64

        /// - Returns: nil when the numbers are too large for each other, or none is positive.
        package init?(tokens: Int, per period: Duration, burst: Int) {
            let (seconds, attoseconds) = period.components
            let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            let nanoseconds = whole &+ attoseconds / 1_000_000_000
            guard !overflow, tokens > 0, nanoseconds > 0, burst > 0 else { return nil }
            let divisor = Self.greatestDivisor(Int64(tokens), nanoseconds)
            self.tokens = Int64(tokens) / divisor
            self.period = nanoseconds / divisor
            self.burst = Int64(burst)
            let (capacity, tooLarge) = self.period.multipliedReportingOverflow(by: self.burst)
            guard !tooLarge else { return nil }
            self.capacity = capacity
        }

        /// How long an empty bucket takes to be full, in nanoseconds.
        package var timeToFill: Int64 { timeToGet(capacity) }

        fileprivate func timeToGet(_ units: Int64) -> Int64 {
            units / tokens + (units % tokens == 0 ? 0 : 1)
        }

        private static func greatestDivisor(_ first: Int64, _ second: Int64) -> Int64 {
            second == 0 ? first : greatestDivisor(second, first % second)
        }
    }

    package enum Outcome: Sendable, Equatable {
        /// - Parameters:
        ///   - remaining: tokens that are left.
        ///   - full: when the bucket is full again, in nanoseconds from now.
        case taken(remaining: Int64, full: Int64)
        /// - Parameter next: when there is a token, in nanoseconds from now.
        case empty(next: Int64, full: Int64)
    }

    /// `period` units are a token.
    private var units: Int64
    private var updated: Int64

    /// A full one.
    ///
    /// - Parameter now: in nanoseconds of any clock that doesn't go back.
    package init(_ rate: Rate, at now: Int64) {
        units = rate.capacity
        updated = now
    }

    package mutating func take(_ rate: Rate, at now: Int64) -> Outcome {
        fill(rate, at: now)
        let isThere = units >= rate.period
        if isThere { units -= rate.period }
        let full = rate.timeToGet(rate.capacity - units)
        return isThere
            ? .taken(remaining: units / rate.period, full: full)
            : .empty(next: rate.timeToGet(rate.period - units), full: full)
    }

    private mutating func fill(_ rate: Rate, at now: Int64) {
        // Threads may come in another order than they looked at the clock.
        guard now > updated else { return }
        let (gained, overflow) = (now - updated).multipliedReportingOverflow(by: rate.tokens)
        units = overflow || gained >= rate.capacity - units ? rate.capacity : units + gained
        updated = now
    }
}
