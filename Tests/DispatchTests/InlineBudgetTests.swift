import Foundation
import NIOCore
import Testing

@testable import HostDispatch

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

    @Test("one call that no scheduler explains costs the place at once")
    func gross() {
        let budget = Budget()
        #expect(budget.records(101, isOwnDoing: nil))
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
        usleep(2_000)
        #expect(ThreadUsage.now().exceeds(.seconds(1), since: sleep), "it waited")
        let work = ThreadUsage.now()
        while !ThreadUsage.now().exceeds(.milliseconds(5), since: work) {}
        #expect(!ThreadUsage.now().exceeds(.seconds(60), since: ThreadUsage.now()))
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
