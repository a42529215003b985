import NIOCore
import TestSupport
import Testing

@testable import HostDispatch

/// The queue against one that looks through all its lanes each time, and so is plainly right.
@Suite struct CallQueuePropertyTests {
    /// Calls in lanes, found by looking at them all.
    private struct Plain {
        struct Waiting {
            let call: Call
            let arrival: NIODeadline
            let order: Int
        }

        struct Lane {
            let method: Int
            let key: UInt64
            var calls: [Waiting] = []
        }

        var batching: [CallQueue.Batching]
        var lanes: [Lane] = []
        var lastOrder = 0

        var count: Int { lanes.reduce(0) { $0 + $1.calls.count } }

        mutating func append(_ call: Call, method: Int, key: UInt64, at now: NIODeadline) {
            lastOrder += 1
            let waiting = Waiting(call: call, arrival: now, order: lastOrder)
            if let lane = lanes.firstIndex(where: { $0.method == method && $0.key == key }) {
                lanes[lane].calls.append(waiting)
            } else {
                lanes.append(Lane(method: method, key: key, calls: [waiting]))
            }
        }

        mutating func takeBatch(at now: NIODeadline, isHurried: Bool) -> [Call]? {
            let ready = lanes.indices.filter { isHurried || due(lanes[$0]) <= now }
            let best = ready.min {
                let (first, second) = (lanes[$0].calls[0], lanes[$1].calls[0])
                return (first.arrival, first.order) < (second.arrival, second.order)
            }
            guard let best else { return nil }
            let batching = batching[lanes[best].method]
            var size = min(batching.limit, lanes[best].calls.count)
            let preferred = min(batching.preferred, batching.limit)
            if size > preferred { size -= size % preferred }
            let calls = lanes[best].calls.prefix(size).map(\.call)
            lanes[best].calls.removeFirst(size)
            lanes.removeAll { $0.calls.isEmpty }
            return calls
        }

        mutating func remove(where isGone: (Call) -> Bool) -> Set<ObjectIdentifier> {
            var gone: Set<ObjectIdentifier> = []
            for lane in lanes.indices {
                lanes[lane].calls.removeAll { waiting in
                    guard isGone(waiting.call) else { return false }
                    gone.insert(ObjectIdentifier(waiting.call))
                    return true
                }
            }
            lanes.removeAll { $0.calls.isEmpty }
            return gone
        }

        var nextDeadline: NIODeadline {
            lanes.flatMap(\.calls).compactMap(\.call.deadline).min() ?? .distantFuture
        }

        func nextBatch(after now: NIODeadline) -> NIODeadline {
            lanes.map(due).filter { $0 > now }.min() ?? .distantFuture
        }

        private func due(_ lane: Lane) -> NIODeadline {
            let batching = batching[lane.method]
            let isWorthwhile = lane.calls.count >= min(batching.preferred, batching.limit)
            let arrival = lane.calls[0].arrival
            return isWorthwhile ? arrival : arrival + batching.wait
        }
    }

    @Test("it does what the plain one does", arguments: 0..<60 as Range<UInt64>)
    func agree(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let backend = Backend.forTests()
        func batching() -> [CallQueue.Batching] {
            (0..<3).map { _ in
                let limit = [1, 1, 3, 8].randomElement(using: &random)!
                return CallQueue.Batching(
                    limit: limit, preferred: .random(in: 1...8, using: &random),
                    wait: limit == 1 ? .zero : .milliseconds(.random(in: 0...30, using: &random)))
            }
        }
        var plain = Plain(batching: batching())
        var queue = CallQueue(batching: plain.batching)
        var now = NIODeadline.now()
        var calls: [Call] = []
        let keys = UInt64.random(in: 0...40, using: &random)
        for _ in 0..<600 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<9:
                let timeout = Duration.milliseconds(.random(in: 1...400, using: &random))
                let call = backend.call("m", timeout: Bool.random(using: &random) ? timeout : nil)
                let method = Int.random(in: 0..<3, using: &random)
                let key = UInt64.random(in: 0...keys, using: &random)
                plain.append(call, method: method, key: key, at: now)
                queue.append(call, method: method, key: key, at: now)
                calls.append(call)
            case 9..<15:
                let (expected, taken) = (
                    plain.takeBatch(at: now, isHurried: false),
                    queue.takeBatch(at: now, isHurried: false)
                )
                #expect(
                    expected?.map(ObjectIdentifier.init) == taken?.calls.map(ObjectIdentifier.init))
            case 15:
                // Some wait, some are gone.
                guard let call = calls.randomElement(using: &random) else { break }
                _ = plain.remove { $0 === call }
                queue.remove(call)
            case 16:
                let expected = plain.remove { $0.deadline.map { $0 <= now } ?? false }
                let limit = Int.random(in: 1...3, using: &random)
                var expired: [Call] = []
                while case let more = queue.takeExpired(at: now, atMost: limit), !more.isEmpty {
                    #expect(more.count <= limit)
                    expired += more
                }
                #expect(Set(expired.map(ObjectIdentifier.init)) == expected)
                #expect(expired.count == expected.count)
            case 17 where Int.random(in: 0..<10, using: &random) == 0:
                plain.batching = batching()
                queue.batching = plain.batching
            default:
                // Often none: several calls of one moment.
                now = now + .milliseconds(.random(in: 0...10, using: &random))
            }
            queue.readyLanes(at: now)
            #expect(queue.count == plain.count)
            #expect(queue.nextDeadline == plain.nextDeadline)
            #expect(queue.nextBatch == plain.nextBatch(after: now))
        }
        while let expected = plain.takeBatch(at: now, isHurried: true) {
            let taken = queue.takeBatch(at: now, isHurried: true)
            #expect(expected.map(ObjectIdentifier.init) == taken?.calls.map(ObjectIdentifier.init))
        }
        #expect(queue.takeBatch(at: now, isHurried: true) == nil)
    }
}
