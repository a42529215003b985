internal import NIOCore
internal import Synchronization

/// The calls of a backend that wait, and which of them go next, together. Pure: no threads, no clock.
///
/// A lane holds calls that may share a batch: those of one method with one batch key. Within a lane calls go in the
/// order they came; between lanes, the one whose first call has waited longest goes first.
///
/// What a call costs must not grow with what waits, be it thousands of lanes. So a lane with calls stands in one of two
/// heaps: of the lanes that are ready, by the arrival of their first call, or of those that wait to be filled, by when
/// they are due. A call knows its place, and deadlines stand in a heap of their own.
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

    private struct LaneName: Hashable {
        let method: Int
        let key: UInt64
    }

    /// A list of calls, by their numbers among the entries.
    private struct Lane {
        let name: LaneName
        var first = -1
        var last = -1
        var count = 0
    }

    private struct Entry {
        let call: Call
        let arrival: NIODeadline
        /// Which one it is of all that ever came.
        let order: UInt64
        let lane: Int
        var previous = -1
        var next = -1
    }

    /// By method index.
    var batching: [Batching] {
        didSet { for lane in lanes.numbers { arrange(lane) } }
    }
    private var entries = Slab<Entry>()
    /// First one for each method, for its calls without a key, which stays; then those for keys, while they have
    /// calls.
    private var lanes = Slab<Lane>()
    /// The lanes for keys.
    private var lanesByName: [LaneName: Int] = [:]
    private var ready = IndexedHeap()
    private var filling = IndexedHeap()
    private var deadlines = IndexedHeap()
    private var lastOrder: UInt64 = 0

    /// The key of calls that may share a batch with any other of their method.
    static let noKey: UInt64 = 0
    /// How many calls there may have been before memory is given back when none waits.
    private static let keptCapacity = 1_024

    init(batching: [Batching] = []) {
        self.batching = batching
        for method in batching.indices {
            _ = lanes.insert(Lane(name: LaneName(method: method, key: Self.noKey)))
        }
    }

    var count: Int { entries.count }

    // MARK: In

    mutating func append(_ call: Call, method: Int, key: UInt64, at now: NIODeadline) {
        let lane = lane(LaneName(method: method, key: key))
        lastOrder += 1
        let last = lanes[lane].last
        let number = entries.insert(
            Entry(call: call, arrival: now, order: lastOrder, lane: lane, previous: last))
        call.place.store(number, ordering: .relaxed)
        if last < 0 { lanes[lane].first = number } else { entries[last].next = number }
        lanes[lane].last = number
        lanes[lane].count += 1
        if let deadline = call.deadline {
            deadlines.set(number, to: IndexedHeap.Key(time: deadline, order: lastOrder))
        }
        // A lane that is ready is so because of its first call, or stays worthwhile.
        if !ready.contains(lane) { arrange(lane) }
    }

    private mutating func lane(_ name: LaneName) -> Int {
        if name.key == Self.noKey { return name.method }
        if let lane = lanesByName[name] { return lane }
        let lane = lanes.insert(Lane(name: name))
        lanesByName[name] = lane
        return lane
    }

    // MARK: Out

    /// The method of the batch that goes next.
    ///
    /// - Returns: nil when none is ready.
    mutating func nextMethod(at now: NIODeadline, isHurried: Bool) -> Int? {
        readyLanes(at: isHurried ? .distantFuture : now)
        return ready.first.map { lanes[$0.number].name.method }
    }

    /// Takes the next batch out.
    ///
    /// - Parameters:
    ///   - isHurried: whether batches go as they are, without waiting to be filled.
    ///   - most: of calls that can't share a batch, how many go together all the same.
    /// - Returns: nil when none is ready.
    mutating func takeBatch(
        at now: NIODeadline, isHurried: Bool, atMost most: Int = 1
    ) -> (method: Int, calls: CallBatch)? {
        readyLanes(at: isHurried ? .distantFuture : now)
        guard let lane = ready.first?.number else { return nil }
        let method = lanes[lane].name.method
        var calls = CallBatch()
        let size =
            most > 1 && batching[method].limit == 1
            ? min(most, lanes[lane].count) : batchSize(lanes[lane])
        for _ in 0..<size {
            let number = lanes[lane].first
            calls.append(entries[number].call)
            unlink(number)
        }
        arrange(lane)
        giveMemoryBack()
        return (method, calls)
    }

    /// Takes a call out, if it waits.
    mutating func remove(_ call: Call) {
        let number = call.place.load(ordering: .relaxed)
        guard let entry = entries.find(number), entry.call === call else { return }
        unlink(number)
        arrange(entry.lane)
        giveMemoryBack()
    }

    /// Takes calls out whose deadline has passed, those first whose deadline passed first.
    mutating func takeExpired(at now: NIODeadline, atMost limit: Int = .max) -> [Call] {
        var expired: [Call] = []
        while expired.count < limit, let (number, key) = deadlines.first, key.time <= now {
            let entry = entries[number]
            expired.append(entry.call)
            unlink(number)
            arrange(entry.lane)
        }
        giveMemoryBack()
        return expired
    }

    /// Takes everything out, in the order it came.
    mutating func takeAll() -> [Waiting] {
        let all = entries.numbers.map { entries[$0] }.sorted {
            ($0.arrival, $0.order) < ($1.arrival, $1.order)
        }
        self = CallQueue(batching: batching)
        return all.map { Waiting(call: $0.call, arrival: $0.arrival) }
    }

    // MARK: Time

    /// When the first of the calls that wait reaches its deadline.
    var nextDeadline: NIODeadline { deadlines.first?.key.time ?? .distantFuture }

    /// When the first batch that waits to be filled begins as it is. One that is ready has no time of its own: it
    /// begins when a replica is free.
    var nextBatch: NIODeadline { filling.first?.key.time ?? .distantFuture }

    /// The method of that batch; nil when there is none, or another one goes before it.
    var fillingMethod: Int? {
        ready.first == nil ? filling.first.map { lanes[$0.number].name.method } : nil
    }

    /// Makes the lanes ready that have waited to be filled until now.
    mutating func readyLanes(at now: NIODeadline) {
        while let (lane, due) = filling.first, due.time <= now {
            filling.remove(lane)
            ready.set(lane, to: arrival(of: lanes[lane].first))
        }
    }

    // MARK: Details

    /// Takes a call out of its lane, which is to be arranged then.
    private mutating func unlink(_ number: Int) {
        let entry = entries[number]
        if entry.previous < 0 {
            lanes[entry.lane].first = entry.next
        } else {
            entries[entry.previous].next = entry.next
        }
        if entry.next < 0 {
            lanes[entry.lane].last = entry.previous
        } else {
            entries[entry.next].previous = entry.previous
        }
        lanes[entry.lane].count -= 1
        deadlines.remove(number)
        entries.remove(number)
    }

    /// Puts a lane where it belongs after a change.
    private mutating func arrange(_ number: Int) {
        let lane = lanes[number]
        guard lane.count > 0 else {
            ready.remove(number)
            filling.remove(number)
            if lane.name.key != Self.noKey {
                lanes.remove(number)
                lanesByName[lane.name] = nil
            }
            return
        }
        let batching = batching[lane.name.method]
        var key = arrival(of: lane.first)
        if batching.wait == .zero || lane.count >= min(batching.preferred, batching.limit) {
            filling.remove(number)
            ready.set(number, to: key)
        } else {
            key.time = key.time + batching.wait
            ready.remove(number)
            filling.set(number, to: key)
        }
    }

    private func arrival(of number: Int) -> IndexedHeap.Key {
        let entry = entries[number]
        return IndexedHeap.Key(time: entry.arrival, order: entry.order)
    }

    /// As many as may be; of more than the preferred size, a multiple of it.
    private func batchSize(_ lane: Lane) -> Int {
        let batching = batching[lane.name.method]
        let size = min(batching.limit, lane.count)
        let preferred = min(batching.preferred, batching.limit)
        return size > preferred ? size - size % preferred : size
    }

    /// A crowd that has gone leaves room for itself.
    private mutating func giveMemoryBack() {
        if count == 0, entries.capacity > Self.keptCapacity { self = CallQueue(batching: batching) }
    }
}
