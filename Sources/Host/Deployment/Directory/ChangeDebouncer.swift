/// Holds changes back until a file has been quiet for a moment, and reports the last state of each. A file that is
/// whole need not wait; one that changes again at once does.
struct ChangeDebouncer {
    private var pending: [(event: DirectoryWatcher.Event, due: ContinuousClock.Instant)] = []
    /// When a file was reported that did not wait.
    private var reported: [String: ContinuousClock.Instant] = [:]
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

    /// A file was written that is whole.
    ///
    /// - Returns: whether it is to be reported now; otherwise it is held back as the others are.
    mutating func addWhole(_ file: String, at now: ContinuousClock.Instant) -> Bool {
        reported = reported.filter { $0.value + quietPeriod > now }
        let event = DirectoryWatcher.Event.changed(file)
        guard reported[file] == nil,
            !pending.contains(where: { $0.event.concernsSameFile(as: event) })
        else {
            add(event, at: now)
            return false
        }
        reported[file] = now
        return true
    }

    /// The changes whose quiet period is over, in the order they came.
    mutating func takeDue(at now: ContinuousClock.Instant) -> [DirectoryWatcher.Event] {
        let due = pending.filter { $0.due <= now }.map(\.event)
        pending.removeAll { $0.due <= now }
        return due
    }
}

extension DirectoryWatcher.Event {
    /// The file that it is about; nil: about all of them.
    var file: String? {
        switch self {
        case .changed(let file), .removed(let file), .companionChanged(let file): file
        case .rescan, .mark: nil
        }
    }

    fileprivate func concernsSameFile(as other: Self) -> Bool {
        switch (self, other) {
        case (.rescan, .rescan): true
        case (.changed, .changed), (.changed, .removed), (.removed, .changed),
            (.removed, .removed):
            file == other.file
        default: false
        }
    }
}
