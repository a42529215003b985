internal import HostCore
internal import HostPipeline
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

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

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        switch breaker.withLockedValue({ $0.admit(at: .now()) }) {
        case .go(let ticket):
            let filter = CircuitBreakerFilter(self, ticket, limit: request.limit)
            next.proceed(request, for: FilteringSink(filter, before: sink, next))
        case .refused(let wait):
            let second = TimeAmount.seconds(1).nanoseconds
            let seconds = max(1, (wait.nanoseconds + second - 1) / second)
            next.refuse(
                sink,
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
private final class CircuitBreakerFilter: ResponseFilter, @unchecked Sendable {
    // Sendable: the chain calls the functions of a filter one after the other.
    private let stage: CircuitBreakerStage
    private let ticket: CircuitBreaker.Ticket
    /// The deadline that stages further out have set, which are the operator's.
    private let limit: NIODeadline?
    /// Of the status that a plugin or a stage has answered with.
    private var isFailure = false
    private var isStream = false

    init(_ stage: CircuitBreakerStage, _ ticket: CircuitBreaker.Ticket, limit: NIODeadline?) {
        self.stage = stage
        self.ticket = ticket
        self.limit = limit
    }

    func begin(_ head: inout ResponseHead) {
        if Self.isFailure(head.status) {
            isFailure = true
        } else if !head.isError, head.bodySize == nil {
            // A stream that begins is a response: it may go on for hours, in which nobody else could try.
            isStream = true
            stage.record(.success, ticket)
        }
    }

    func end(_ error: DispatchError?) {
        let outcome = outcome(error)
        if case .success = outcome, isStream { return }
        stage.record(outcome, ticket)
    }

    private func outcome(_ error: DispatchError?) -> CircuitBreaker.Outcome {
        guard let error else { return isFailure ? .failure : .success }
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
