import HostLogging
import Testing

/// Which lines are written, by a clock that the test turns.
@Suite("The budget of lines")
struct LineBudgetTests {
    private let start = ContinuousClock.now
    private let busy = LineBudget.Kind("HTTP 503", metadata: ["backend": "busy"])
    private let other = LineBudget.Kind("HTTP 503", metadata: ["backend": "other"])

    private func at(_ seconds: Int) -> LineBudget.Instant { start + .seconds(seconds) }

    @Test("the first lines of an interval are written, the others are counted")
    func limit() {
        var budget = LineBudget(limit: 2, interval: .seconds(10))
        #expect(budget.spend(on: busy, at: at(0)) == .write)
        #expect(budget.spend(on: busy, at: at(1)) == .write)
        #expect(budget.spend(on: busy, at: at(2)) == .leaveOut(summaryAt: at(10)))
        #expect(budget.spend(on: busy, at: at(3)) == .leaveOut(summaryAt: nil))
        #expect(budget.kindsLeftOut == [busy])
        #expect(budget.takeLeftOut(of: busy) == 2)
        #expect(budget.takeLeftOut(of: busy) == 0)
        #expect(budget.spend(on: busy, at: at(11)) == .write)
    }

    @Test("each kind has lines of its own")
    func kinds() {
        var budget = LineBudget(limit: 1, interval: .seconds(10))
        #expect(budget.spend(on: busy, at: at(0)) == .write)
        #expect(budget.spend(on: other, at: at(0)) == .write)
        #expect(budget.spend(on: busy, at: at(0)) != .write)
    }

    @Test("lines after a quiet interval are written again, and nothing is left to say")
    func quiet() {
        var budget = LineBudget(limit: 1, interval: .seconds(10))
        #expect(budget.spend(on: busy, at: at(0)) == .write)
        #expect(budget.spend(on: busy, at: at(10)) == .write)
        #expect(budget.kindsLeftOut == [])
    }

    @Test("what was left out is not lost when the summary comes late")
    func late() {
        var budget = LineBudget(limit: 1, interval: .seconds(10))
        _ = budget.spend(on: busy, at: at(0))
        #expect(budget.spend(on: busy, at: at(1)) == .leaveOut(summaryAt: at(10)))
        #expect(budget.spend(on: busy, at: at(30)) == .leaveOut(summaryAt: nil))
        #expect(budget.takeLeftOut(of: busy) == 2)
    }

    @Test("kinds that come once are forgotten")
    func many() {
        var budget = LineBudget(limit: 1, interval: .seconds(10))
        for number in 0..<5_000 {
            _ = budget.spend(on: LineBudget.Kind("\(number)"), at: at(number))
        }
        #expect(budget.count < 1_100)
    }
}
