import NIOCore
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct BodyBudgetTests {
    private static let kilobyte = 1 << 10
    /// 8 MiB, of which 7 may be large bodies.
    private let budget = BodyBudget(limit: 8 << 20, largestBody: 4 << 20)

    @Test("bodies are counted as they come, twice what has come at the most")
    func counts() {
        let allowance = BodyAllowance(budget)
        #expect(allowance.cover(1 << 20, announced: 4 << 20))
        #expect(budget.bytesHeld == 2 << 20)
        #expect(allowance.cover(2 << 20, announced: 4 << 20))
        #expect(budget.bytesHeld == 2 << 20)
        #expect(allowance.cover(3 << 20, announced: 4 << 20))
        #expect(budget.bytesHeld == 4 << 20)
        allowance.release()
        #expect(budget.bytesHeld == 0)
    }

    @Test("what an allowance has taken is given back once, by whoever lets go of it last")
    func givesBack() {
        var allowance: BodyAllowance? = BodyAllowance(budget)
        #expect(allowance?.cover(100, announced: 100) ?? false)
        #expect(allowance?.add(50) ?? false)
        #expect(budget.bytesHeld == 150)
        var other = allowance
        allowance = nil
        #expect(budget.bytesHeld == 150)
        other?.release()
        #expect(budget.bytesHeld == 0)
        other = nil
        #expect(budget.bytesHeld == 0)
    }

    @Test("a body that does not fit takes nothing, and the last part is for small ones")
    func refuses() {
        let allowances = (0..<3).map { _ in BodyAllowance(budget) }
        #expect(allowances[0].cover(4 << 20, announced: 4 << 20))
        #expect(!budget.isShort(at: .now()))
        #expect(!allowances[1].cover(4 << 20, announced: 4 << 20))
        #expect(budget.isShort(at: .now()))
        #expect(!budget.isShort(at: .now() + .seconds(2)))
        #expect(budget.bytesHeld == 4 << 20)
        #expect(allowances[1].cover(3 << 20, announced: nil), "without room for twice as much")
        #expect(budget.bytesHeld == 7 << 20)
        #expect(!budget.hasRoom(for: 100 * Self.kilobyte))
        #expect(budget.hasRoom(for: 64 * Self.kilobyte))
        #expect(allowances[2].cover(64 * Self.kilobyte, announced: nil))
    }

    @Test("there is room for one body of the largest size, however small the budget")
    func largest() {
        let budget = BodyBudget(limit: 10, largestBody: 1 << 20)
        #expect(BodyAllowance(budget).cover(1 << 20, announced: 1 << 20))
    }

    @Test("what many threads take and give back is nothing in the end")
    func threads() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for size in 0..<2_000 {
                        let allowance = BodyAllowance(budget)
                        _ = allowance.cover(size * 1_000, announced: nil)
                        if size % 3 == 0 { allowance.release() }
                    }
                }
            }
        }
        #expect(budget.bytesHeld == 0)
    }
}
