import Foundation
import NIOCore
import Synchronization
import Testing

@testable import HostDispatch

#if canImport(Glibc)
import Glibc
#endif

@Suite struct InlineBudgetTests {
    @Test("a long call makes a method suspect, two more by its own doing cost it the place")
    func suspicion() {
        let budget = Budget()
        #expect(!budget.isSuspect)
        #expect(!budget.records(2, isOwnDoing: nil))
        #expect(budget.isSuspect)
        #expect(!budget.records(2, isOwnDoing: true))
        #expect(budget.records(2, isOwnDoing: true))
    }

    @Test("calls that the machine made long cost nothing, however long")
    func machine() {
        let budget = Budget()
        #expect(!budget.records(2, isOwnDoing: nil))
        for _ in 0..<100 { #expect(!budget.records(200, isOwnDoing: false)) }
    }

    @Test("short calls are never by their own doing long")
    func short() {
        let budget = Budget()
        for _ in 0..<100 { #expect(!budget.records(0, isOwnDoing: true)) }
        #expect(!budget.isSuspect)
    }

    @Test(
        "one call that no scheduler explains costs the place at once, and a long one of a suspect method"
    )
    func gross() {
        #expect(Budget().records(1_001, isOwnDoing: nil))
        let budget = Budget()
        #expect(!budget.records(101, isOwnDoing: nil))
        #expect(!budget.records(101, isOwnDoing: false))
        #expect(budget.records(101, isOwnDoing: true))
    }

    @Test("a window of calls later nobody remembers")
    func window() {
        let budget = Budget()
        #expect(!budget.records(2, isOwnDoing: nil))
        #expect(!budget.records(2, isOwnDoing: true))
        for _ in 0..<1_023 { #expect(!budget.records(0, isOwnDoing: true)) }
        #expect(!budget.isSuspect)
        #expect(!budget.records(2, isOwnDoing: nil))
        #expect(!budget.records(2, isOwnDoing: true))
        #expect(budget.records(2, isOwnDoing: true))
    }

    @Test("a thread that works or waits for long exceeds the limit, one that does neither does not")
    func usage() {
        let start = ThreadUsage.now()
        #expect(!ThreadUsage.now().exceeds(.seconds(1), since: start))
        let sleep = ThreadUsage.now()
        usleep(20_000)
        #expect(ThreadUsage.now().exceeds(.milliseconds(15), since: sleep), "it waited")
        let work = ThreadUsage.now()
        while !ThreadUsage.now().exceeds(.milliseconds(5), since: work) {}
        #expect(!ThreadUsage.now().exceeds(.seconds(60), since: ThreadUsage.now()))
    }

    @Test(
        "a thread that others keep off its processor does not exceed the limit, though it sleeps now and then"
    )
    func crowded() async {
        let isOver = Atomic(false)
        let others = (0..<4 * ProcessInfo.processInfo.activeProcessorCount).map { _ in
            Thread { while !isOver.load(ordering: .relaxed) {} }
        }
        for other in others { other.start() }
        let (exceeds, took) = await withCheckedContinuation { continuation in
            Thread {
                let begin = ContinuousClock.now
                let start = ThreadUsage.now()
                for _ in 0..<30 {
                    usleep(10)
                    let work = clock(CLOCK_THREAD_CPUTIME_ID)
                    while clock(CLOCK_THREAD_CPUTIME_ID) - work < 1_000_000 {}
                }
                let exceeds = ThreadUsage.now().exceeds(.milliseconds(70), since: start)
                continuation.resume(returning: (exceeds, ContinuousClock.now - begin))
            }.start()
        }
        isOver.store(true, ordering: .relaxed)
        #expect(!exceeds, "it worked for 30 ms; by the clock it took \(took)")
    }
}

/// A budget that an expectation may change.
private final class Budget {
    private var budget = InlineBudget()

    var isSuspect: Bool { budget.isSuspect }

    func records(_ milliseconds: Int64, isOwnDoing: Bool?) -> Bool {
        budget.record(.milliseconds(milliseconds), isOwnDoing: isOwnDoing)
    }
}

/// Nanoseconds.
private func clock(_ id: clockid_t) -> Int {
    var time = timespec()
    clock_gettime(id, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
