import NIOCore
import Testing

@testable import HostIngress

@Suite struct DeliveryPaceTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// 1000 bytes a second, looked at every two seconds.
    private var pace: DeliveryPace

    init() {
        pace = DeliveryPace(taken: 500, minimumRate: 1_000, interval: .seconds(2), at: start)
    }

    @Test("a client that takes what it must in each interval keeps the pace")
    mutating func kept() {
        #expect(pace.deadline == start + .seconds(2))
        let first = pace.isKept(taken: 2_500, at: start + .seconds(2))
        #expect(first)
        #expect(pace.deadline == start + .seconds(4))
        let second = pace.isKept(taken: 4_500, at: start + .seconds(4))
        #expect(second)
    }

    @Test("one that takes less doesn't, however much it took before")
    mutating func missed() {
        let first = pace.isKept(taken: 1_000_000, at: start + .seconds(2))
        #expect(first)
        let second = pace.isKept(taken: 1_001_999, at: start + .seconds(4))
        #expect(!second)
    }

    @Test(
        "one that is looked at later must have taken more",
        arguments: [(2_900, true), (3_000, false)])
    mutating func late(
        milliseconds: Int64, keepsPace: Bool
    ) {
        let isKept = pace.isKept(taken: 3_450, at: start + .milliseconds(milliseconds))
        #expect(isKept == keepsPace)
    }

    @Test("something must be taken, however short the interval")
    mutating func shortInterval() {
        pace = DeliveryPace(taken: 0, minimumRate: 1, interval: .milliseconds(1), at: start)
        let isKept = pace.isKept(taken: 0, at: start + .milliseconds(1))
        #expect(!isKept)
    }
}
