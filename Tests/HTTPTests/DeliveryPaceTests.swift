import NIOCore
import Testing

@testable import HostHTTP

@Suite struct DeliveryPaceTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// 1000 bytes a second, and two seconds more.
    private var pace: DeliveryPace

    init() {
        pace = DeliveryPace(taken: 0, minimumRate: 1_000, grace: .seconds(2), at: start)
    }

    @Test("a client that takes nothing has the grace")
    mutating func nothing() {
        #expect(pace.deadline == start + .seconds(2))
        let isKept = pace.isKept(taken: 0, at: start + .seconds(2))
        #expect(!isKept)
    }

    @Test("what a client takes earns the time that it may last")
    mutating func earns() {
        let first = pace.isKept(taken: 5_000, at: start + .seconds(1))
        #expect(first)
        #expect(pace.deadline == start + .seconds(7))
        let second = pace.isKept(taken: 5_500, at: start + .seconds(7))
        #expect(second)
        #expect(pace.deadline == start + .milliseconds(7_500))
        let third = pace.isKept(taken: 5_500, at: start + .milliseconds(7_500))
        #expect(!third)
    }

    @Test("what was taken before may not have been read, and earns time as well")
    func before() {
        let pace = DeliveryPace(taken: 3_000, minimumRate: 1_000, grace: .seconds(2), at: start)
        #expect(pace.deadline == start + .seconds(5))
    }

    @Test("no client earns more than a kernel can hide")
    mutating func limit() {
        let isKept = pace.isKept(taken: 1 << 40, at: start + .seconds(1))
        #expect(isKept)
        #expect(pace.deadline == start + .seconds(3) + .milliseconds(1_048_576))
    }

    /// The client reads at just the least rate; what is seen are steps of its kernel, after one large one.
    @Test(
        "a steady reader keeps the pace, in whatever steps its kernel goes on",
        arguments: [1, 1_000, 66_560, 344_000, 1_000_000], [0, 128_512, 1_000_000])
    mutating func steps(step: Int, buffer: Int) {
        // What the client's kernel takes at once, before anything of it is read.
        pace = DeliveryPace(taken: buffer, minimumRate: 1_000, grace: .seconds(2), at: start)
        for second in 0..<5_000 {
            let read = second * 1_000
            let taken = buffer + read / step * step
            let isKept = pace.isKept(taken: taken, at: start + .seconds(Int64(second)))
            #expect(isKept || buffer < step, "after \(second) s")
            guard isKept else { return }
        }
    }
}
