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
