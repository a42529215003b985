import NIOCore
import Testing

@testable import HostDispatch

/// The queue alone, with a clock that the test turns.
@Suite struct CallQueueTests {
    private let backend = Backend.forTests()
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func queue(_ batching: CallQueue.Batching...) -> Box<CallQueue> {
        Box(CallQueue(batching: batching))
    }

    private func bodies(_ calls: some Sequence<Call>) -> String {
        calls.map { String(buffer: $0.argument) }.joined(separator: " ")
    }

    @Test("a method that takes no batches gets one call at a time, in the order they came")
    func single() {
        let queue = queue(.init())
        for body in ["a", "b", "c"] {
            queue.value.append(backend.call("m", body), method: 0, key: 0, at: start)
        }
        var taken: [String] = []
        while let batch = queue.change({ $0.takeBatch(at: start, isHurried: false) }) {
            taken.append(bodies(batch.calls))
        }
        #expect(taken == ["a", "b", "c"])
        #expect(queue.value.count == 0)
    }

    @Test("without a wait a batch takes what is queued, up to the limit, in order")
    func noWait() throws {
        let queue = queue(.init(limit: 4, preferred: 4, wait: .zero))
        for index in 0..<6 {
            queue.value.append(backend.call("m", "\(index)"), method: 0, key: 0, at: start)
        }
        #expect(
            bodies(try #require(queue.change { $0.takeBatch(at: start, isHurried: false) }).calls)
                == "0 1 2 3")
        #expect(
            bodies(try #require(queue.change { $0.takeBatch(at: start, isHurried: false) }).calls)
                == "4 5")
    }

    @Test("with a wait a batch begins when it is full or its first call has waited")
    func wait() throws {
        let queue = queue(.init(limit: 3, preferred: 3, wait: .milliseconds(5)))
        queue.value.append(backend.call("m", "a"), method: 0, key: 0, at: start)
        queue.value.append(backend.call("m", "b"), method: 0, key: 0, at: start + .milliseconds(4))
        #expect(
            queue.change { $0.takeBatch(at: start + .milliseconds(4), isHurried: false) } == nil)
        #expect(queue.value.nextBatch == start + .milliseconds(5))
        let waited = queue.change { $0.takeBatch(at: start + .milliseconds(5), isHurried: false) }
        #expect(bodies(try #require(waited).calls) == "a b")

        for body in ["c", "d", "e"] {
            queue.value.append(
                backend.call("m", body), method: 0, key: 0, at: start + .milliseconds(6))
        }
        let full = queue.change { $0.takeBatch(at: start + .milliseconds(6), isHurried: false) }
        #expect(bodies(try #require(full).calls) == "c d e")
    }

    @Test("a hurried batch goes as it is")
    func hurried() throws {
        let queue = queue(.init(limit: 3, preferred: 3, wait: .seconds(5)))
        queue.value.append(backend.call("m", "a"), method: 0, key: 0, at: start)
        #expect(
            bodies(try #require(queue.change { $0.takeBatch(at: start, isHurried: true) }).calls)
                == "a")
    }

    @Test("the preferred size ends the wait, and larger batches are multiples of it")
    func preferred() throws {
        let queue = queue(.init(limit: 10, preferred: 4, wait: .seconds(5)))
        for index in 0..<3 {
            queue.value.append(backend.call("m", "\(index)"), method: 0, key: 0, at: start)
        }
        #expect(queue.change { $0.takeBatch(at: start, isHurried: false) } == nil)
        for index in 3..<11 {
            queue.value.append(backend.call("m", "\(index)"), method: 0, key: 0, at: start)
        }
        #expect(
            try #require(queue.change { $0.takeBatch(at: start, isHurried: false) }).calls.count
                == 8)
        #expect(queue.change { $0.takeBatch(at: start, isHurried: false) } == nil)
    }

    @Test("calls of different methods or with different keys never share a batch")
    func lanes() throws {
        let queue = queue(
            .init(limit: 8, preferred: 8, wait: .zero), .init(limit: 8, preferred: 8, wait: .zero))
        let arrivals: [(String, Int, UInt64)] = [
            ("a", 0, 1), ("b", 1, 0), ("c", 0, 2), ("d", 0, 1), ("e", 1, 0), ("f", 0, 0),
        ]
        for (index, (body, method, key)) in arrivals.enumerated() {
            queue.value.append(
                backend.call("m", body), method: method, key: key,
                at: start + .nanoseconds(Int64(index)))
        }
        var batches: [String] = []
        while let batch = queue.change({ $0.takeBatch(at: start + .seconds(1), isHurried: false) })
        {
            batches.append("\(batch.method): \(bodies(batch.calls))")
        }
        // The lane whose first call has waited longest goes first.
        #expect(batches == ["0: a d", "1: b e", "0: c", "0: f"])
    }

    @Test("a call that is taken back or has expired leaves the queue")
    func removal() throws {
        let queue = queue(.init())
        let first = backend.call("m", "a")
        let expired = backend.call("m", "b", timeout: .milliseconds(1))
        queue.value.append(first, method: 0, key: 7, at: start)
        queue.value.append(expired, method: 0, key: 0, at: start)
        queue.value.append(backend.call("m", "c"), method: 0, key: 0, at: start)
        queue.value.remove(first)
        #expect(queue.value.count == 2)
        let deadline = try #require(expired.deadline)
        #expect(queue.value.nextDeadline == deadline)
        #expect(queue.value.nextBatch == .distantFuture, "what is ready needs no clock")
        #expect(queue.change { $0.takeExpired(at: deadline - .nanoseconds(1)) }.isEmpty)
        #expect(
            queue.change { $0.takeExpired(at: deadline) }.map { String(buffer: $0.argument) } == [
                "b"
            ])
        #expect(queue.value.count == 1)
        #expect(
            bodies(try #require(queue.change { $0.takeBatch(at: start, isHurried: false) }).calls)
                == "c")
    }

    // With a look at every lane for every call this would take many minutes.
    @Test("what a call costs does not grow with the keys that wait", .timeLimit(.minutes(1)))
    func manyKeys() {
        let queue = queue(.init(limit: 8, preferred: 2, wait: .milliseconds(1)))
        let calls = (0..<20_000).map { _ in backend.call("m", timeout: .seconds(1)) }
        for (index, call) in calls.enumerated() {
            queue.value.append(
                call, method: 0, key: UInt64(index + 1),
                at: start + .microseconds(Int64(index)))
        }
        for call in calls[..<5_000] { queue.value.remove(call) }
        for _ in 0..<5_000 {
            _ = queue.change { $0.takeBatch(at: start + .seconds(1), isHurried: false) }
        }
        #expect(queue.value.count == 10_000)
        let late = NIODeadline.now() + .hours(1)
        var expired = 0
        while queue.value.count > 0 {
            expired += queue.change { $0.takeExpired(at: late, atMost: 10) }.count
        }
        #expect(expired == 10_000)
        #expect(queue.value.nextDeadline == .distantFuture)
    }
}
