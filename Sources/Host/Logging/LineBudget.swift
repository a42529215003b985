/// How many lines of a kind may be written: so many from the first one on until an interval is over. The others are
/// counted. Pure: it is told the time.
package struct LineBudget: Sendable {
    package typealias Instant = ContinuousClock.Instant

    /// Lines that are alike, such as the 503 of one backend.
    package struct Kind: Hashable, Sendable {
        package var name: String
        /// What is the same in all of them.
        package var metadata: [String: String]

        package init(_ name: String, metadata: [String: String] = [:]) {
            self.name = name
            self.metadata = metadata
        }
    }

    package enum Decision: Equatable, Sendable {
        case write
        /// - Parameter summaryAt: when somebody is to say how many were left out; nil: somebody is to already.
        case leaveOut(summaryAt: Instant?)
    }

    private struct Interval {
        let end: Instant
        var written = 1
        var leftOut = 0
    }

    /// Kinds that are remembered at most, beside those with something left to say.
    private static let mostKinds = 1_024

    private let limit: Int
    private let interval: Duration
    private var intervals: [Kind: Interval] = [:]

    package init(limit: Int, interval: Duration) {
        self.limit = limit
        self.interval = interval
    }

    /// Decides of one line.
    package mutating func spend(on kind: Kind, at now: Instant) -> Decision {
        guard var current = intervals[kind], now < current.end || current.leftOut > 0 else {
            forgetOthers(at: now)
            intervals[kind] = Interval(end: now + interval)
            return .write
        }
        defer { intervals[kind] = current }
        guard current.written >= limit else {
            current.written += 1
            return .write
        }
        current.leftOut += 1
        return .leaveOut(summaryAt: current.leftOut == 1 ? current.end : nil)
    }

    /// How many lines of a kind were left out since this was asked last.
    package mutating func takeLeftOut(of kind: Kind) -> Int {
        guard let current = intervals.removeValue(forKey: kind) else { return 0 }
        return current.leftOut
    }

    /// The kinds of which lines were left out that nobody has told of.
    package var kindsLeftOut: [Kind] { intervals.filter { $0.value.leftOut > 0 }.map(\.key) }

    /// Kinds that are remembered.
    package var count: Int { intervals.count }

    private mutating func forgetOthers(at now: Instant) {
        guard intervals.count >= Self.mostKinds else { return }
        intervals = intervals.filter { $0.value.leftOut > 0 || now < $0.value.end }
    }
}
