import HostStages
import NIOCore
import TestSupport
import Testing

/// The arithmetic, with a clock of its own.
@Suite struct RetryBudgetTests {
    @Test("a share of the requests may be tried again, and a few more")
    func share() {
        var budget = RetryBudget(share: 0.2, reserve: 2, window: .seconds(10))
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        func retries() -> Int {
            var count = 0
            while budget.withdraw(at: now) { count += 1 }
            return count
        }
        #expect(retries() == 2)
        for _ in 0..<9 { budget.deposit(at: now) }
        #expect(retries() == 1)
        budget.deposit(at: now)
        #expect(retries() == 1)
        for _ in 0..<100 { budget.deposit(at: now) }
        #expect(retries() == 20)
    }

    @Test("nothing is earned, and nothing owed, when the window has passed")
    func window() {
        var budget = RetryBudget(share: 1, reserve: 1, window: .seconds(10))
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        for _ in 0..<5 { budget.deposit(at: now) }
        for _ in 0..<6 {
            let isGranted = budget.withdraw(at: now)
            #expect(isGranted)
        }
        now = now + .seconds(8)
        let isGranted = budget.withdraw(at: now)
        #expect(!isGranted)
        now = now + .seconds(3)
        let isGrantedLater = budget.withdraw(at: now)
        #expect(isGrantedLater)
        let isGrantedTwice = budget.withdraw(at: now)
        #expect(!isGrantedTwice)
    }

    @Test("never more than the share, whatever comes when", arguments: 0..<50)
    func property(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let share = Double.random(in: 0...1, using: &random)
        let reserve = Int.random(in: 0...5, using: &random)
        var budget = RetryBudget(share: share, reserve: reserve, window: .seconds(1))
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var (requests, retries): ([NIODeadline], [NIODeadline]) = ([], [])
        for _ in 0..<1000 {
            now = now + .milliseconds(.random(in: 0...20, using: &random))
            if Bool.random(using: &random) {
                budget.deposit(at: now)
                requests.append(now)
            } else if budget.withdraw(at: now) {
                retries.append(now)
            }
            // What is counted for sure, and what may be: a slot is a tenth of the window.
            let surely = retries.count { $0 > now - .milliseconds(900) }
            let perhaps = requests.count { $0 > now - .milliseconds(1100) }
            #expect(
                surely == 0 || Double(surely) <= Double(reserve) + share * Double(perhaps) + 1e-9
                    || retries.last! < now)
        }
        #expect(
            Double(retries.count) <= Double(reserve) * 12 + share * Double(requests.count) * 1.5)
    }
}
