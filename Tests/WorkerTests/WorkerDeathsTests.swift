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
        deaths.started(at: start)
        let next = (0..<6).map { deaths.died(at: start + .seconds($0), by: settings, jitter: 0.5) }
        let waits = [100, 200, 400, 500, 500].map {
            WorkerDeaths.Next.after(.milliseconds($0))
        }
        #expect(next == [.atOnce] + waits)
    }

    @Test("jitter takes a fifth off, or adds one")
    func jitter() {
        for (jitter, wait) in [(0.0, 80), (1.0, 120)] {
            var deaths = WorkerDeaths()
            _ = deaths.died(at: start, by: RestartSettings(), jitter: 0)
            guard
                case .after(let pause) = deaths.died(
                    at: start, by: RestartSettings(), jitter: jitter)
            else {
                Issue.record("no pause")
                continue
            }
            #expect(abs(pause / .milliseconds(1) - Double(wait)) < 0.001)
        }
    }

    @Test("who has served for ten seconds begins anew")
    func service() {
        var deaths = WorkerDeaths()
        for second in stride(from: 0, to: 200, by: 20) {
            deaths.started(at: start + .seconds(second))
            #expect(
                deaths.died(at: start + .seconds(second + 10), by: RestartSettings(), jitter: 0)
                    == .atOnce)
        }
    }

    @Test("more than so many within the window count as broken, until the window has passed")
    func broken() {
        var deaths = WorkerDeaths()
        for second in 0..<5 {
            let next = deaths.died(at: start + .seconds(second), by: RestartSettings(), jitter: 0)
            if case .broken = next { Issue.record("broken after \(second + 1)") }
        }
        #expect(
            deaths.died(at: start + .seconds(6), by: RestartSettings(), jitter: 0)
                == .broken(.seconds(30), deaths: 6))
        let later = deaths.died(at: start + .seconds(600), by: RestartSettings(), jitter: 0)
        if case .broken = later { Issue.record("still broken") }
    }
}
