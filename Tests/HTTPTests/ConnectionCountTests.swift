import TestSupport
import Testing

@testable import HostHTTP

@Suite struct ConnectionCountTests {
    @Test("one more than the limit may not enter until one has left")
    func limit() {
        let count = ConnectionCount(limit: 2)
        #expect(count.enter())
        #expect(count.enter())
        #expect(!count.enter())
        count.leave()
        #expect(count.enter())
        #expect(!count.enter())
    }

    @Test("it is zero at once when nobody is there")
    func zeroAtOnce() async {
        #expect(await ConnectionCount(limit: 2).becomeZero(within: .zero))
    }

    @Test("it becomes zero when the last one leaves")
    func becomesZero() async {
        let count = ConnectionCount(limit: 2)
        #expect(count.enter())
        #expect(count.enter())
        async let isZero = count.becomeZero(within: .seconds(20))
        count.leave()
        count.leave()
        #expect(await isZero)
    }

    @Test("the wait is given up when the time is over")
    func givenUp() async {
        let count = ConnectionCount(limit: 2)
        #expect(count.enter())
        #expect(await !count.becomeZero(within: .milliseconds(10)))
    }
}
