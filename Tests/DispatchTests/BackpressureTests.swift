import Foundation
import HostDeployment
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// What a backend does with more calls than it can take.
@Suite struct BackpressureTests {
    @Test("one call more than max_queued_requests is answered 503 with Retry-After at once")
    func refuses() async throws {
        try await TestHost.run(
            plugins: ["libblocks.so": Fixture.library("blocks")],
            manifests: ["blocks": "max_queued_requests: 2"]
        ) { host in
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask { try await host.http.call("blocks", "sleep", "3000").status }
                }
                _ = try await host.wait(for: "blocks") {
                    $0.calls.running == 1 && $0.calls.waiting == 2
                }
                let refused = try await host.http.call("blocks", "echo", "x")
                #expect(refused.status == 503)
                #expect(refused.headers["retry-after"] == "1")
                #expect(refused.text.contains("max_queued_requests"))
                for try await status in group { #expect(status == 200) }
            }
        }
    }

    /// 100 calls a second, a queue of 20: 200 ms. BACKPLANE_SOAK=1 makes it 30 seconds.
    @Test(
        "under ten times its capacity a backend answers what it admits, in about the time of its queue"
    )
    func overload() async throws {
        let isSoak = ProcessInfo.processInfo.environment["BACKPLANE_SOAK"] != nil
        let duration: Duration = isSoak ? .seconds(30) : .seconds(3)
        try await TestHost.run(
            plugins: ["libslow.so": Fixture.library("slow", defines: ["SLEEP_MS=10"])],
            manifests: ["slow": "max_queued_requests: 20"]
        ) { host in
            let tally = Tally()
            let memoryBefore = Memory.resident()
            try await withThrowingTaskGroup { group in
                let end = ContinuousClock.now + duration
                // Each asks again at once, refused ones after a moment: about 1,000 calls a second.
                for _ in 0..<40 {
                    group.addTask {
                        while ContinuousClock.now < end {
                            let start = ContinuousClock.now
                            let answer = try await host.http.call("slow", nil, "x")
                            if answer.status == 200 {
                                #expect(answer.text == "x")
                                tally.answered(after: ContinuousClock.now - start)
                            } else {
                                #expect(answer.status == 503)
                                tally.refused()
                                try await Task.sleep(for: .milliseconds(20))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let (sorted, refusals) = tally.result
            let p99 = sorted[sorted.count * 99 / 100]
            let growth = Memory.resident() - memoryBefore
            print(
                "overload: \(sorted.count) answered, \(refusals) refused, p99 \(p99), memory +\(growth >> 20) MiB"
            )
            // Under a sanitizer it is the callers who are slow.
            if Sanitizer.current == nil { #expect(refusals > 0, "it was not overloaded") }
            // How long a full queue takes, at the rate that this run saw.
            let bound = duration * 21 / sorted.count
            // Beside other tests, which share the process and its memory, neither is a measure of the backend.
            if isSoak {
                #expect(p99 < bound * 2, "the queue's bound is \(bound)")
                #expect(growth < 64 << 20)
            }
            // Nothing is lost. The last response may be there a moment before its thread has come back.
            try await Eventually.true {
                let calls = try await host.status(of: "slow")?.calls
                return calls?.waiting == 0 && calls?.running == 0
            }
        }
    }
}

/// What the callers saw.
private final class Tally: Sendable {
    private let state = NIOLockedValueBox<(latencies: [Duration], refusals: Int)>(([], 0))

    func answered(after latency: Duration) {
        state.withLockedValue { $0.latencies.append(latency) }
    }

    func refused() {
        state.withLockedValue { $0.refusals += 1 }
    }

    var result: (latencies: [Duration], refusals: Int) {
        state.withLockedValue { ($0.latencies.sorted(), $0.refusals) }
    }
}

/// The memory of this process.
enum Memory {
    /// Resident, in bytes.
    static func resident() -> Int {
        let statm = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = statm.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * 4096
    }
}
