internal import HostDispatch
internal import HostTransport

/// The calls that a worker has and has not finished, by slot.
struct CallTable {
    private var calls: [RunningCall?] = []
    private var uses: [UInt32] = []
    private var free: [Int] = []

    var all: [RunningCall] { calls.compactMap { $0 } }

    /// - Returns: nil when all slots are taken.
    mutating func takeNumber() -> CallNumber? {
        if free.isEmpty {
            guard calls.count < WorkerMemory.slotCount else { return nil }
            calls.append(nil)
            uses.append(0)
            free.append(calls.count - 1)
        }
        let slot = free.removeLast()
        uses[slot] = uses[slot] == .max ? 1 : uses[slot] + 1
        return CallNumber(slot: slot, use: uses[slot])
    }

    mutating func insert(_ call: RunningCall) { calls[call.number.slot] = call }

    func find(_ number: CallNumber) -> RunningCall? {
        guard calls.indices.contains(number.slot), let call = calls[number.slot],
            call.number == number
        else { return nil }
        return call
    }

    mutating func remove(_ call: RunningCall) {
        guard find(call.number) === call else { return }
        calls[call.number.slot] = nil
        free.append(call.number.slot)
    }

    mutating func removeAll() -> [RunningCall] {
        let all = all
        for call in all { remove(call) }
        return all
    }
}
