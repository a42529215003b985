import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// The timer's decisions alone.
@Suite struct TickTimerTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("an alarm is set for an event that comes before all others, and for no other")
    func earlier() throws {
        let timer = Box(TickTimer())
        let deadline = try #require(timer.change { $0.expect(start + .seconds(30)) })
        #expect(deadline.set.time == start + .seconds(30) && deadline.cancelled == nil)
        for later in [start + .seconds(30), start + .seconds(31), .distantFuture] {
            #expect(timer.change { $0.expect(later) } == nil)
        }
        let batch = try #require(timer.change { $0.expect(start + .milliseconds(2)) })
        #expect(batch.cancelled == nil)
        #expect(timer.value.alarms == [deadline.set, batch.set])
    }

    @Test("the later alarm outlives the earlier ones")
    func later() throws {
        let timer = Box(TickTimer())
        let deadline = try #require(timer.change { $0.expect(start + .seconds(30)) }).set
        for index in 1...3 as ClosedRange<Int64> {
            let batch = try #require(timer.change { $0.expect(start + .milliseconds(index)) })
            #expect(batch.cancelled == nil)
            #expect(timer.change { $0.rang(batch.set) })
            #expect(timer.change { $0.expect(start + .seconds(30)) } == nil, "it is set still")
        }
        #expect(timer.value.alarms == [deadline])
    }

    @Test("of three alarms one is cancelled, and does not count when it rings all the same")
    func stale() throws {
        let timer = Box(TickTimer())
        _ = timer.value.expect(start + .seconds(30))
        let second = try #require(timer.change { $0.expect(start + .seconds(20)) }).set
        let third = try #require(timer.change { $0.expect(start + .seconds(10)) })
        #expect(third.cancelled == second)
        #expect(timer.change { $0.rang(second) } == false)
        #expect(timer.change { $0.rang(third.set) })
        #expect(timer.change { $0.rang(third.set) } == false, "once")
    }

    @Test("when it is over all is cancelled")
    func stop() {
        var timer = TickTimer()
        _ = timer.expect(start + .seconds(30))
        _ = timer.expect(start + .seconds(20))
        let cancelled = timer.stop()
        #expect(cancelled.count == 2)
        #expect(timer.alarms.isEmpty)
    }
}
