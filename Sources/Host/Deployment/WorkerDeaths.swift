internal import HostDispatch

/// The worker processes of a backend that have died, and when the next one is to be started. Pure.
struct WorkerDeaths {
    /// A process that has served for so long has nothing to do with those that died before.
    static let service: Duration = .seconds(10)

    private var deaths: [ContinuousClock.Instant] = []
    private var inARow = 0
    /// What ends several at once, such as somebody's `kill`, ends them within this.
    private static let moment: Duration = .seconds(1)

    /// What comes after a death.
    enum Next: Equatable {
        case atOnce
        case after(Duration)
        /// So many have died that the plugin counts as broken: one more is tried then.
        case broken(Duration, deaths: Int)
    }

    /// - Parameters:
    ///   - start: when the one that died was started.
    ///   - jitter: from 0 to 1: spreads those that died together.
    mutating func died(
        at now: ContinuousClock.Instant, startedAt start: ContinuousClock.Instant,
        by settings: RestartSettings, jitter: Double
    ) -> Next {
        // One that was there when another one died has died of the same.
        if let last = deaths.last, start < last, now - last < Self.moment { return .atOnce }
        if now - start >= Self.service { inARow = 0 }
        inARow += 1
        deaths.removeAll { now - $0 > settings.window }
        deaths.append(now)
        // Bound: as many as matter.
        if deaths.count > 1_000 { deaths.removeFirst() }
        if settings.deaths > 0, deaths.count > settings.deaths {
            return .broken(settings.maxBackoff, deaths: deaths.count)
        }
        guard inARow > 1, settings.backoff > .zero else { return .atOnce }
        var wait = settings.backoff
        for _ in 2..<max(2, inARow) where wait < settings.maxBackoff { wait = wait * 2 }
        return .after(min(wait, settings.maxBackoff) * (0.8 + 0.4 * jitter))
    }
}
