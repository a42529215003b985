internal import DequeModule
internal import NIOCore

/// The calls of a backend that wait, and which of them go next, together. Pure: no threads, no clock.
///
/// A lane holds calls that may share a batch: those of one method with one batch key. Within a lane calls go in the
/// order they came; between lanes, the one whose first call has waited longest goes first.
struct CallQueue {
    struct Waiting {
        let call: Call
        let arrival: NIODeadline
    }

    /// How the calls of a method are put together.
    struct Batching: Equatable {
        /// How many calls a batch may have.
        var limit = 1
        /// How many make a batch worth beginning before ``wait`` is over.
        var preferred = 1
        /// How long a batch waits to be filled.
        var wait: TimeAmount = .zero
    }

    private struct Lane {
        let method: Int
        let key: UInt64
        var calls: Deque<Waiting> = []
    }

    /// By method index.
    var batching: [Batching]
    private(set) var count = 0
    /// First one for each method, for its calls without a key, which stays; then those for keys, while they have
    /// calls.
    private var lanes: [Lane]

    /// The key of calls that may share a batch with any other of their method.
    static let noKey: UInt64 = 0

    init(batching: [Batching] = []) {
        self.batching = batching
        lanes = batching.indices.map { Lane(method: $0, key: Self.noKey) }
    }

    mutating func append(_ call: Call, method: Int, key: UInt64, at now: NIODeadline) {
        count += 1
        let waiting = Waiting(call: call, arrival: now)
        if key == Self.noKey {
            lanes[method].calls.append(waiting)
        } else if let lane = lanes.firstIndex(where: { $0.method == method && $0.key == key }) {
            lanes[lane].calls.append(waiting)
        } else {
            lanes.append(Lane(method: method, key: key, calls: [waiting]))
        }
    }

    /// Takes the next batch out.
    ///
    /// - Parameter isHurried: whether batches go as they are, without waiting to be filled.
    /// - Returns: nil when none is ready.
    mutating func takeBatch(
        at now: NIODeadline, isHurried: Bool
    ) -> (method: Int, calls: [Call])? {
        var best: (lane: Int, arrival: NIODeadline)?
        for index in lanes.indices {
            guard let first = lanes[index].calls.first,
                isHurried || due(lanes[index]) <= now,
                best == nil || first.arrival < best!.arrival
            else { continue }
            best = (index, first.arrival)
        }
        guard let lane = best?.lane else { return nil }
        let method = lanes[lane].method
        let size = batchSize(lanes[lane])
        let calls = lanes[lane].calls.prefix(size).map(\.call)
        lanes[lane].calls.removeFirst(size)
        count -= size
        dropIfEmpty(lane)
        return (method, calls)
    }

    /// Takes a call out, if it waits.
    mutating func remove(_ call: Call) {
        for lane in lanes.indices {
            guard let position = lanes[lane].calls.firstIndex(where: { $0.call === call }) else {
                continue
            }
            lanes[lane].calls.remove(at: position)
            count -= 1
            dropIfEmpty(lane)
            return
        }
    }

    /// Takes the calls out whose deadline has passed.
    mutating func takeExpired(at now: NIODeadline) -> [Call] {
        var expired: [Call] = []
        for lane in lanes.indices.reversed() {
            lanes[lane].calls.removeAll { waiting in
                guard let deadline = waiting.call.deadline, deadline <= now else { return false }
                expired.append(waiting.call)
                return true
            }
            dropIfEmpty(lane)
        }
        count -= expired.count
        return expired
    }

    /// Takes everything out, in the order it came.
    mutating func takeAll() -> [Waiting] {
        let all = lanes.flatMap(\.calls).sorted { $0.arrival < $1.arrival }
        self = CallQueue(batching: batching)
        return all
    }

    /// When a batch that is not full begins all the same, or a deadline passes; never, if nothing waits.
    ///
    /// A batch that is due already and waits for a free replica has no say: not the clock goes on with it, but the
    /// replica's return.
    func nextEvent(after now: NIODeadline) -> NIODeadline {
        var next = nextBatch(after: now)
        for lane in lanes {
            for waiting in lane.calls {
                if let deadline = waiting.call.deadline, deadline > now {
                    next = min(next, deadline)
                }
            }
        }
        return next
    }

    /// When the first batch that waits to be filled begins as it is.
    func nextBatch(after now: NIODeadline) -> NIODeadline {
        lanes.reduce(.distantFuture) { next, lane in
            let due = due(lane)
            return due > now ? min(next, due) : next
        }
    }

    /// When the lane's first batch may begin.
    private func due(_ lane: Lane) -> NIODeadline {
        guard let first = lane.calls.first else { return .distantFuture }
        let batching = batching[lane.method]
        let isWorthwhile = lane.calls.count >= min(batching.preferred, batching.limit)
        return isWorthwhile || batching.wait == .zero
            ? first.arrival : first.arrival + batching.wait
    }

    /// As many as may be; of more than the preferred size, a multiple of it.
    private func batchSize(_ lane: Lane) -> Int {
        let batching = batching[lane.method]
        let size = min(batching.limit, lane.calls.count)
        let preferred = min(batching.preferred, batching.limit)
        return size > preferred ? size - size % preferred : size
    }

    private mutating func dropIfEmpty(_ lane: Int) {
        if lane >= batching.count && lanes[lane].calls.isEmpty { lanes.remove(at: lane) }
    }
}
