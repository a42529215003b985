/// Replicas of a plugin that were lost, and how the host goes on replacing them.
struct ReplicaLosses {
    /// How many replicas may hang for good before no more are made: each keeps a thread and its memory.
    static let limit = 8
    private static let longestPause: Duration = .seconds(30)

    /// How many were replaced.
    private(set) var count = 0
    private(set) var lastReason: String?
    /// How many were left to themselves because a call never came back.
    private(set) var abandoned = 0
    /// The generations those belong to: their libraries must stay as they are.
    private(set) var abandonedGenerations: Set<Int> = []
    private var pause: Duration = .milliseconds(500)

    mutating func replaced(because reason: String) {
        count += 1
        lastReason = reason
        pause = .milliseconds(500)
    }

    mutating func abandoned(in generation: Int) {
        abandoned += 1
        abandonedGenerations.insert(generation)
    }

    /// How long to wait before a replacement that failed is tried again: twice as long each time.
    mutating func nextPause() -> Duration {
        pause = min(pause * 2, Self.longestPause)
        return pause
    }
}
