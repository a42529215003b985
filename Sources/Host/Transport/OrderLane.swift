package import NIOCore

/// Where the host puts an order for one thread of the worker's: one at a time.
///
///     0   number of the order, a futex       host
///     4   number of the order that was taken worker
///     8   bytes of the order                 host
///     12  whether it is in memory of its own host
///     64  the order, or the word that names its memory
package struct OrderLane: Sendable {
    private enum Word {
        static let number = 0
        static let taken = 4
        static let size = 8
        static let isElsewhere = 12
        static let order = 64
    }

    /// The largest order that has room here.
    package static let capacity = WorkerMemory.laneSize - Word.order

    private let memory: WorkerMemory
    private let base: Int

    package init(_ index: Int, in memory: WorkerMemory) {
        precondition((0..<WorkerMemory.laneCount).contains(index), "lane \(index)")
        self.memory = memory
        base = WorkerMemory.lanes + index * WorkerMemory.laneSize
    }

    // MARK: The host's side

    /// Puts an order down. The one before must have been reported as done. ``wake()`` is owed for it.
    package func put(_ order: ByteBuffer) {
        precondition(order.readableBytes <= Self.capacity, "an order too large for a lane")
        memory.write(order, at: base + Word.order)
        publish(size: order.readableBytes, isElsewhere: false)
    }

    /// Puts down that an order is in memory of its own, which is sent by the socket under that number.
    package func put(elsewhere number: UInt64, size: Int) {
        memory.store64(number, at: base + Word.order)
        publish(size: size, isElsewhere: true)
    }

    private func publish(size: Int, isElsewhere: Bool) {
        memory.store(UInt32(size), at: base + Word.size)
        memory.store(isElsewhere ? 1 : 0, at: base + Word.isElsewhere)
        memory.store(memory.load(at: base + Word.number) &+ 1, at: base + Word.number)
    }

    package func wake() { memory.wake(at: base + Word.number) }

    // MARK: The worker's side

    package enum Order {
        case here(ByteBuffer)
        case elsewhere(number: UInt64, size: Int)
    }

    /// Waits for the next order.
    package func next() -> Order {
        let last = memory.load(at: base + Word.taken)
        while memory.load(at: base + Word.number) == last {
            memory.wait(at: base + Word.number, while: last)
        }
        memory.store(last &+ 1, at: base + Word.taken)
        let size = Int(memory.load(at: base + Word.size))
        guard memory.load(at: base + Word.isElsewhere) == 0 else {
            return .elsewhere(number: memory.load64(at: base + Word.order), size: size)
        }
        let start = base + Word.order
        return .here(memory.copy(start..<start + min(size, Self.capacity)))
    }
}
