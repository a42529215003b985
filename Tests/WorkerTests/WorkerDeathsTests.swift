import HostDispatch
import Testing

@testable import HostDeployment

/// When a worker process that has died is replaced.
@Suite struct WorkerDeathsTests {
    private let start = ContinuousClock.now

    @Test("the first is replaced at once, those after it less and less soon")
    func backoff() {
        var settings = RestartSettings()
        settings.deaths = 0
        settings.maxBackoff = .milliseconds(500)
        var deaths = WorkerDeaths()
        let next = (0..<6).map { second in
            deaths.died(
                at: start + .seconds(second), startedAt: start + .seconds(second), by: settings,
                jitter: 0.5)
        }
        let waits = [100, 200, 400, 500, 500].map {
            WorkerDeaths.Next.after(.milliseconds($0))
        }
        #expect(next == [.atOnce] + waits)
    }

    @Test("jitter takes a fifth off, or adds one")
    func jitter() {
        for (jitter, wait) in [(0.0, 80), (1.0, 120)] {
            var deaths = WorkerDeaths()
            _ = died(&deaths, at: 0)
            guard
                case .after(let pause) = deaths.died(
                    at: start, startedAt: start, by: RestartSettings(), jitter: jitter)
            else {
                Issue.record("no pause")
                continue
            }
            #expect(abs(pause / .milliseconds(1) - Double(wait)) < 0.001)
        }
    }

    private func died(_ deaths: inout WorkerDeaths, at second: Int, after service: Int = 0)
        -> WorkerDeaths.Next
    {
        let now = start + .seconds(second)
        return deaths.died(
            at: now, startedAt: now - .seconds(service), by: RestartSettings(), jitter: 0)
    }

    @Test("who has served for ten seconds begins anew")
    func service() {
        var deaths = WorkerDeaths()
        for second in stride(from: 20, to: 200, by: 20) {
            #expect(died(&deaths, at: second, after: 10) == .atOnce)
        }
    }

    @Test("those that die together have died once")
    func together() {
        var deaths = WorkerDeaths()
        for _ in 0..<100 { #expect(died(&deaths, at: 60, after: 30) == .atOnce) }
        // And one that has been started since then is the second.
        #expect(died(&deaths, at: 60) == .after(.milliseconds(80)))
    }

    @Test("more than so many within the window count as broken, until the window has passed")
    func broken() {
        var deaths = WorkerDeaths()
        for second in 0..<5 {
            if case .broken = died(&deaths, at: second) {
                Issue.record("broken after \(second + 1)")
            }
        }
        #expect(died(&deaths, at: 6) == .broken(.seconds(30), deaths: 6))
        if case .broken = died(&deaths, at: 600) { Issue.record("still broken") }
    }
}
