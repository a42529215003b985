internal import NIOCore

/// How often something has happened within a window of time, to a tenth of the window. In constant memory.
struct RollingCount: Sendable {
    private static let slotCount = 10

    /// In nanoseconds.
    private let slotLength: UInt64
    private var slots = [Int](repeating: 0, count: slotCount)
    /// The number, since the clock began, of the slot that is being counted in.
    private var current: UInt64 = 0
    private var total = 0

    init(over window: TimeAmount) {
        slotLength = max(1, UInt64(window.nanoseconds) / UInt64(Self.slotCount))
    }

    mutating func add(at now: NIODeadline) {
        advance(to: now)
        slots[Int(current % UInt64(Self.slotCount))] += 1
        total += 1
    }

    mutating func count(at now: NIODeadline) -> Int {
        advance(to: now)
        return total
    }

    mutating func clear() {
        for index in slots.indices { slots[index] = 0 }
        total = 0
    }

    private mutating func advance(to now: NIODeadline) {
        let slot = now.uptimeNanoseconds / slotLength
        // Threads may come in another order than they looked at the clock.
        guard slot > current else { return }
        for passed in 0..<min(slot - current, UInt64(Self.slotCount)) {
            let index = Int((slot - passed) % UInt64(Self.slotCount))
            total -= slots[index]
            slots[index] = 0
        }
        current = slot
    }
}
