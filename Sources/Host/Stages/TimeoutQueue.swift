internal import NIOCore

/// What waits for its time to end, in the order in which it does. One timer serves all of it.
///
/// What is over before its time stays until there is more of that than of the rest, so that being over costs nothing.
struct TimeoutQueue<Entry: Sendable>: Sendable {
    private var entries: CircularBuffer<(deadline: NIODeadline, entry: Entry)> = []
    private var isTimerSet = false

    var count: Int { entries.count }

    /// - Parameters:
    ///   - live: how many entries are not over, this one among them.
    ///   - isOver: whether an entry is.
    /// - Returns: when the timer must ring next; nil: it is set.
    mutating func append(
        _ entry: Entry, until deadline: NIODeadline, live: Int, isOver: (Entry) -> Bool
    ) -> NIODeadline? {
        if entries.count >= 64, entries.count > 2 * live {
            entries.removeAll { isOver($0.entry) }
        }
        entries.append((deadline, entry))
        guard !isTimerSet else { return nil }
        isTimerSet = true
        return deadline
    }

    /// The timer has rung.
    ///
    /// - Returns: the entries whose time has ended, and when the timer must ring next; nil: not before the next entry.
    mutating func ring(
        at now: NIODeadline, isOver: (Entry) -> Bool
    ) -> (expired: [Entry], next: NIODeadline?) {
        var expired: [Entry] = []
        while let first = entries.first, first.deadline <= now || isOver(first.entry) {
            if !isOver(first.entry) { expired.append(first.entry) }
            entries.removeFirst()
        }
        isTimerSet = !entries.isEmpty
        return (expired, entries.first?.deadline)
    }
}
