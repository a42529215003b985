internal import NIOCore

/// How long a method's calls take, to tell whether a worker in another process is given several at once to run one
/// after the other.
///
/// That saves a change of processes for each, and what waits behind a call could not go to another replica: so it is
/// for calls that are over before anybody else could take them. Pure.
struct CallPace {
    /// What a call may take on average.
    static let limit: TimeAmount = .milliseconds(1)
    /// How many calls go together at most.
    static let most = 16

    private var average: Int64?

    /// - Parameter duration: of calls that ran one after the other, the way there and back included.
    mutating func record(_ duration: TimeAmount, calls: Int) {
        let sample = duration.nanoseconds / Int64(max(calls, 1))
        // One long call is remembered for dozens of short ones.
        average = average.map { ($0 * 7 + sample) / 8 } ?? sample
    }

    /// How many calls go together.
    ///
    /// - Parameters:
    ///   - waiting: how many calls wait, for all replicas.
    func share(of waiting: Int, replicas: Int) -> Int {
        guard let average, average < Self.limit.nanoseconds else { return 1 }
        return min(Self.most, (waiting + replicas - 1) / max(replicas, 1))
    }
}
