import Testing

@testable import HostControl

/// The debouncer alone, with a clock that the test turns.
@Suite struct ChangeDebouncerTests {
    private let start = ContinuousClock.now

    @Test("a change is held back until its file has been quiet")
    func quiet() {
        var debouncer = ChangeDebouncer(quietPeriod: .milliseconds(50))
        debouncer.add(.changed("a"), at: start)
        debouncer.add(.changed("a"), at: start + .milliseconds(40))
        let early = debouncer.takeDue(at: start + .milliseconds(60))
        #expect(early.isEmpty)
        #expect(debouncer.nextDue == start + .milliseconds(90))
        let due = debouncer.takeDue(at: start + .milliseconds(90))
        #expect(due == [.changed("a")])
        #expect(debouncer.nextDue == nil)
    }

    @Test("the last thing that happened to a file is what counts")
    func lastCounts() {
        var debouncer = ChangeDebouncer(quietPeriod: .milliseconds(50))
        debouncer.add(.changed("a"), at: start)
        debouncer.add(.changed("b"), at: start)
        debouncer.add(.removed("a"), at: start)
        debouncer.add(.rescan, at: start)
        let due = debouncer.takeDue(at: start + .seconds(1))
        #expect(due == [.changed("b"), .removed("a"), .rescan])
    }
}
