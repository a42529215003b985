import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

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

    @Test("a whole file is reported at once, and held back when it changes again soon")
    func whole() {
        var debouncer = ChangeDebouncer(quietPeriod: .milliseconds(50))
        let first = debouncer.addWhole("a", at: start)
        #expect(first && debouncer.nextDue == nil)
        let soon = debouncer.addWhole("a", at: start + .milliseconds(10))
        #expect(!soon)
        let due = debouncer.takeDue(at: start + .milliseconds(60))
        #expect(due == [.changed("a")])
        let later = debouncer.addWhole("a", at: start + .milliseconds(200))
        #expect(later)
    }

    @Test("a whole file waits behind what is held back of it")
    func wholeBehindOthers() {
        var debouncer = ChangeDebouncer(quietPeriod: .milliseconds(50))
        debouncer.add(.removed("a"), at: start)
        let isReported = debouncer.addWhole("a", at: start + .milliseconds(10))
        #expect(!isReported)
        let due = debouncer.takeDue(at: start + .milliseconds(60))
        #expect(due == [.changed("a")])
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
