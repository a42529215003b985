/// Replicas of a plugin that were lost, and how the host goes on replacing them.
struct ReplicaLosses {
    /// How many replicas of a generation may hang for good before no more are made: each keeps a thread and its
    /// memory.
    static let limit = 8

    /// How many were replaced.
    private(set) var count = 0
    private(set) var lastReason: String?
    /// How many were left to themselves because a call never came back, by generation. Their libraries must stay as
    /// they are.
    private var abandoned: [Int: Int] = [:]
    private var pause = RetryPause()

    mutating func replaced(because reason: String) {
        count += 1
        lastReason = reason
        pause = RetryPause()
    }

    mutating func abandoned(in generation: Int) {
        abandoned[generation, default: 0] += 1
    }

    func abandonedCount(in generation: Int) -> Int { abandoned[generation] ?? 0 }

    /// How long to wait before a replacement that failed is tried again.
    mutating func nextPause() -> Duration { pause.next() }
}

/// How long to wait before what failed is tried again: 1 s, 2 s, 4 s, up to 30 s.
struct RetryPause {
    private static let longest: Duration = .seconds(30)
    private var following: Duration = .seconds(1)

    /// The pause after one more failure.
    mutating func next() -> Duration {
        defer { following = min(following * 2, Self.longest) }
        return following
    }
}
