/// Holds changes back until a file has been quiet for a moment, and reports the last state of each.
struct ChangeDebouncer {
    private var pending: [(event: DirectoryWatcher.Event, due: ContinuousClock.Instant)] = []
    private let quietPeriod: Duration

    init(quietPeriod: Duration) {
        self.quietPeriod = quietPeriod
    }

    /// When `takeDue` has something; nil: nothing is pending.
    var nextDue: ContinuousClock.Instant? { pending.map(\.due).min() }

    mutating func add(_ event: DirectoryWatcher.Event, at now: ContinuousClock.Instant) {
        pending.removeAll { $0.event.concernsSameFile(as: event) }
        pending.append((event, now + quietPeriod))
    }

    /// The changes whose quiet period is over, in the order they came.
    mutating func takeDue(at now: ContinuousClock.Instant) -> [DirectoryWatcher.Event] {
        let due = pending.filter { $0.due <= now }.map(\.event)
        pending.removeAll { $0.due <= now }
        return due
    }
}

extension DirectoryWatcher.Event {
    fileprivate func concernsSameFile(as other: Self) -> Bool {
        switch (self, other) {
        case (.rescan, .rescan): true
        case (.changed(let name), .changed(let otherName)),
            (.changed(let name), .removed(let otherName)),
            (.removed(let name), .changed(let otherName)),
            (.removed(let name), .removed(let otherName)):
            name == otherName
        default: false
        }
    }
}
