package import NIOCore

/// Decides whether a backend is asked at all: not while its last responses were failures.
///
/// closed -> open: too many failures; -> half-open: `openFor` later; -> closed: as many probes as are let through have
/// succeeded; half-open -> open: one of them has failed. Pure: whoever uses it tells the time, and holds a lock.
package struct CircuitBreaker: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Failures in a row that open it; nil: the rate alone does.
        package var failures: Int?
        /// The share of failures among the calls of a window that opens it, from 0 to 1; nil: failures in a row do.
        package var rate: Double?
        package var window = TimeAmount.seconds(10)
        /// Calls of a window below which its rate says nothing.
        package var minCalls = 20
        package var openFor = TimeAmount.seconds(10)
        /// Calls that are let through to see whether the backend is well again.
        package var probes = 1

        package init() {}
    }

    package enum Admission: Sendable, Equatable {
        case go(Ticket)
        /// - Parameter wait: until the next try.
        case refused(wait: TimeAmount)
    }

    /// What a call that was let through hands back with its outcome.
    package struct Ticket: Sendable, Equatable {
        /// Outcomes of calls from before the last change of state say nothing of what is now.
        fileprivate let period: Int
    }

    package enum Outcome: Sendable {
        case success
        case failure
        /// It says nothing of the backend.
        case neither
    }

    package enum Change: Sendable, Equatable {
        case opened
        case closed
    }

    private enum State {
        case closed
        case open(until: NIODeadline)
        case halfOpen(started: Int, succeeded: Int)
    }

    private let settings: Settings
    private var state = State.closed
    private var period = 0
    private var failuresInARow = 0
    private var calls: RollingCount
    private var failures: RollingCount

    package init(_ settings: Settings) {
        self.settings = settings
        calls = RollingCount(over: settings.window)
        failures = RollingCount(over: settings.window)
    }

    package mutating func admit(at now: NIODeadline) -> Admission {
        if case .open(let end) = state {
            guard now >= end else { return .refused(wait: end - now) }
            enter(.halfOpen(started: 0, succeeded: 0))
        }
        if case .halfOpen(let started, let succeeded) = state {
            // The probes are on their way: how long they take, nobody knows.
            guard started < settings.probes else { return .refused(wait: .seconds(1)) }
            state = .halfOpen(started: started + 1, succeeded: succeeded)
        }
        return .go(Ticket(period: period))
    }

    /// Once for each ticket.
    package mutating func record(
        _ outcome: Outcome, _ ticket: Ticket, at now: NIODeadline
    ) -> Change? {
        guard ticket.period == period else { return nil }
        switch state {
        case .closed: return recordClosed(outcome, at: now)
        case .open: return nil
        case .halfOpen(let started, let succeeded):
            switch outcome {
            case .failure: return open(at: now)
            // Another one is to try.
            case .neither: state = .halfOpen(started: started - 1, succeeded: succeeded)
            case .success:
                guard succeeded + 1 >= settings.probes else {
                    state = .halfOpen(started: started, succeeded: succeeded + 1)
                    return nil
                }
                enter(.closed)
                return .closed
            }
            return nil
        }
    }

    private mutating func recordClosed(_ outcome: Outcome, at now: NIODeadline) -> Change? {
        switch outcome {
        case .neither: return nil
        case .success:
            failuresInARow = 0
            if settings.rate != nil { calls.add(at: now) }
            return nil
        case .failure: break
        }
        failuresInARow += 1
        if let most = settings.failures, failuresInARow >= most { return open(at: now) }
        guard let rate = settings.rate else { return nil }
        calls.add(at: now)
        failures.add(at: now)
        let count = calls.count(at: now)
        guard count >= settings.minCalls,
            Double(failures.count(at: now)) >= rate * Double(count)
        else { return nil }
        return open(at: now)
    }

    private mutating func open(at now: NIODeadline) -> Change {
        enter(.open(until: now + settings.openFor))
        return .opened
    }

    private mutating func enter(_ new: State) {
        state = new
        period += 1
        failuresInARow = 0
        calls.clear()
        failures.clear()
    }
}
