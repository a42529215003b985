internal import NIOCore

/// When the timer of a backend rings, and for what. Pure: it says what is to be set, and what is not needed any more.
///
/// An alarm is set for an event that comes before all alarms that are set. What comes later is looked at when the timer
/// rings. At most two alarms are set: the later one stays while earlier ones come and go, because it is mostly needed
/// again. Deadlines lie half a minute ahead, and batches wait for milliseconds.
struct TickTimer {
    struct Alarm: Hashable {
        let time: NIODeadline
        /// Tells it from all others, so that one that rings after it has been cancelled is known.
        let number: UInt64
    }

    /// What is to be done for an event.
    struct Change: Equatable {
        var set: Alarm
        var cancelled: Alarm?
    }

    /// The later one first.
    private(set) var alarms: [Alarm] = []
    private var lastNumber: UInt64 = 0

    /// The next event is at `time`.
    ///
    /// - Returns: nil: an alarm that is set rings early enough.
    mutating func expect(_ time: NIODeadline) -> Change? {
        guard time < alarms.last?.time ?? .distantFuture else { return nil }
        let cancelled = alarms.count > 1 ? alarms.removeLast() : nil
        lastNumber += 1
        let alarm = Alarm(time: time, number: lastNumber)
        alarms.append(alarm)
        return Change(set: alarm, cancelled: cancelled)
    }

    /// - Returns: whether the alarm was still set; it is not any more.
    mutating func rang(_ alarm: Alarm) -> Bool {
        guard let index = alarms.firstIndex(of: alarm) else { return false }
        alarms.remove(at: index)
        return true
    }

    /// There will be no event.
    ///
    /// - Returns: what is to be cancelled.
    mutating func stop() -> [Alarm] {
        defer { alarms = [] }
        return alarms
    }
}
