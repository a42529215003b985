internal import HostDispatch
internal import HostPlugins
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Synchronization

/// Refuses requests for a backend that only fails, and lets it recover.
final class CircuitBreakerStage: MiddlewareStage {
    private let breaker: NIOLockedValueBox<CircuitBreaker>
    private let backend: String
    private let logger: Logger

    init(_ settings: CircuitBreaker.Settings, backend: String, logger: Logger) {
        breaker = NIOLockedValueBox(CircuitBreaker(settings))
        self.backend = backend
        self.logger = logger
    }

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        switch breaker.withLockedValue({ $0.admit(at: .now()) }) {
        case .go(let ticket):
            let filter = CircuitBreakerFilter(self, ticket, limit: request.limit)
            passage.proceed(request, for: FilteringCaller(filter, before: caller, passage))
        case .refused(let wait):
            let second = TimeAmount.seconds(1).nanoseconds
            let seconds = max(1, (wait.nanoseconds + second - 1) / second)
            passage.refuse(
                caller,
                with: DispatchError(
                    .refused(httpStatus: 503),
                    "\(backend) keeps failing and is left alone: try again in \(seconds) s",
                    headers: [("retry-after", "\(seconds)")]))
        }
    }

    fileprivate func record(_ outcome: CircuitBreaker.Outcome, _ ticket: CircuitBreaker.Ticket) {
        switch breaker.withLockedValue({ $0.record(outcome, ticket, at: .now()) }) {
        case .opened: logger.warning("\(backend) keeps failing: its circuit is open")
        case .closed: logger.notice("\(backend) answers again: its circuit is closed")
        case nil: break
        }
    }
}

/// Sees how one call ends.
private final class CircuitBreakerFilter: AnswerFilter {
    private let stage: CircuitBreakerStage
    private let ticket: CircuitBreaker.Ticket
    /// The deadline that stages further out have set, which are the operator's.
    private let limit: NIODeadline?
    /// Of the status that a stage has answered with.
    private let isFailure = Atomic<Bool>(false)
    private let isStream = Atomic<Bool>(false)

    init(_ stage: CircuitBreakerStage, _ ticket: CircuitBreaker.Ticket, limit: NIODeadline?) {
        self.stage = stage
        self.ticket = ticket
        self.limit = limit
    }

    func begin(_ head: inout AnswerHead) {
        if Self.isFailure(head.status) {
            isFailure.store(true, ordering: .relaxed)
        } else if !head.isError, head.bodySize == nil {
            // A stream that begins is an answer: it may go on for hours, in which nobody else could try.
            isStream.store(true, ordering: .relaxed)
            stage.record(.success, ticket)
        }
    }

    func end(_ error: DispatchError?) {
        let outcome = outcome(error)
        if case .success = outcome, isStream.load(ordering: .relaxed) { return }
        stage.record(outcome, ticket)
    }

    private func outcome(_ error: DispatchError?) -> CircuitBreaker.Outcome {
        guard let error else { return isFailure.load(ordering: .relaxed) ? .failure : .success }
        switch error.code {
        // The client is impatient, or the backend busy: neither is broken.
        case .cancelled, .plugin(.cancelled), .queueFull: return .neither
        case .deadlineExceeded where error.cause is CallersDeadline:
            return limit.map { $0 <= .now() } ?? false ? .failure : .neither
        default: return Self.isFailure(error.httpStatus) ? .failure : .success
        }
    }

    /// 501 is about the request, as the statuses from 400 are.
    private static func isFailure(_ status: Int) -> Bool { status >= 500 && status != 501 }
}
