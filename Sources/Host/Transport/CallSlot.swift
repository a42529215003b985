/// What a worker can see of an unfinished call without asking: whether anybody waits for it, and how much of its stream
/// the caller has taken.
///
///     0  the call whose response nobody wants any more, by the lower half of its number   host
///     4  changes with what follows, a futex                                               host
///     8  bytes of the stream that have been taken                                         host
package struct CallSlot: Sendable {
    private enum Word {
        static let abandoned = 0
        static let change = 4
        static let taken = 8
    }

    private let memory: WorkerMemory
    private let base: Int

    package init(of call: CallNumber, in memory: WorkerMemory) {
        self.memory = memory
        base = WorkerMemory.slots + call.slot * WorkerMemory.slotSize
    }

    // MARK: The host's side

    /// A call takes the slot. Those before it are finished.
    package func begin() {
        memory.store(0, at: base + Word.abandoned)
        memory.store64(0, at: base + Word.taken)
    }

    /// Nobody waits for the call any more.
    package func abandon(_ call: CallNumber) {
        memory.store(call.use, at: base + Word.abandoned)
        change()
    }

    /// The caller has taken so many bytes of the stream since it began.
    package func take(_ total: UInt64) {
        memory.store64(total, at: base + Word.taken)
        change()
    }

    private func change() {
        memory.store(memory.load(at: base + Word.change) &+ 1, at: base + Word.change)
        memory.wake(at: base + Word.change)
    }

    // MARK: The worker's side

    package func isAbandoned(_ call: CallNumber) -> Bool {
        memory.load(at: base + Word.abandoned) == call.use
    }

    /// Blocks until less than `limit` bytes of what was sent are untaken.
    ///
    /// - Returns: whether anybody still waits for the call.
    package func waitForRoom(_ call: CallNumber, sent: UInt64, limit: UInt64) -> Bool {
        while true {
            let change = memory.load(at: base + Word.change)
            if isAbandoned(call) { return false }
            let taken = memory.load64(at: base + Word.taken)
            if sent < taken &+ limit { return true }
            memory.wait(at: base + Word.change, while: change)
        }
    }
}

/// The number of a call between host and worker: its slot, and how often that has been used.
package struct CallNumber: Hashable, Sendable {
    package let rawValue: UInt64

    /// - Parameter use: from 1.
    package init(slot: Int, use: UInt32) {
        rawValue = UInt64(use) << 32 | UInt64(slot)
    }

    /// - Returns: nil for one that can't be.
    package init?(rawValue: UInt64) {
        guard rawValue & 0xFFFF_FFFF < UInt64(WorkerMemory.slotCount), rawValue >> 32 > 0 else {
            return nil
        }
        self.rawValue = rawValue
    }

    package var slot: Int { Int(rawValue & 0xFFFF_FFFF) }
    package var use: UInt32 { UInt32(rawValue >> 32) }
}
