internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Tries requests again that a backend could not take, if that can do no harm.
final class RetryStage: MiddlewareStage {
    fileprivate let options: Options
    private let methods: Set<String>
    private let statuses: Set<Int>
    private let budget: NIOLockedValueBox<RetryBudget>

    init(_ options: Options) {
        self.options = options
        methods = Set(options.methods)
        statuses = Set(options.statuses)
        budget = NIOLockedValueBox(
            RetryBudget(
                share: options.budget, reserve: options.minRetries,
                window: TimeAmount(options.budgetWindow.duration ?? .zero)))
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        guard methods.contains(request.httpMethod) || request.isIdempotent else {
            return next.proceed(request, for: sink)
        }
        budget.withLockedValue { $0.deposit(at: .now()) }
        let retries = Retries(self, request, before: sink, next)
        next.proceed(request, for: RetryingSink(retries, try: 1))
    }

    /// - Parameter tries: how many there have been.
    /// - Returns: how long to wait before the next one; nil: the response stands.
    fileprivate func pause(
        after result: Result<CallResponse, DispatchError>, tries: Int, deadline: NIODeadline?
    ) -> TimeAmount? {
        guard tries < options.attempts, isWorthAnother(result) else { return nil }
        // All of the pause is jitter: those who failed together don't come back together.
        let pause = TimeAmount.nanoseconds(.random(in: 0...longestPause(after: tries)))
        let now = NIODeadline.now()
        if let deadline, now + pause >= deadline { return nil }
        return budget.withLockedValue { $0.withdraw(at: now) } ? pause : nil
    }

    /// In nanoseconds; doubles with each try.
    private func longestPause(after tries: Int) -> Int64 {
        let (first, most) = (
            Self.nanoseconds(options.backoff), Self.nanoseconds(options.maxBackoff)
        )
        let (doubled, overflow) = first.multipliedReportingOverflow(by: 1 << (tries - 1))
        return overflow ? most : min(doubled, most)
    }

    private func isWorthAnother(_ result: Result<CallResponse, DispatchError>) -> Bool {
        // A plugin may say it by the status of its response as well as by failing.
        let (status, headers) =
            switch result {
            case .success(let response): (response.status, response.headers)
            case .failure(let error): (error.httpStatus, error.headers)
            }
        guard statuses.contains(status) else { return false }
        // Who says for how long, such as an open circuit behind this stage, means it.
        let wait = headers.first { HeaderName.areEqual($0.name, "retry-after") }
            .flatMap { Int64($0.value) }
        guard let wait else { return true }
        return wait <= Self.nanoseconds(options.maxBackoff) / 1_000_000_000
    }

    private static func nanoseconds(_ time: ConfiguredTime) -> Int64 {
        TimeAmount(time.duration ?? .zero).nanoseconds
    }
}

/// A request that may be tried again.
private final class Retries: Sendable {
    let stage: RetryStage
    let request: Request
    let sink: any ResponseSink
    let next: Next
    /// When the first try would have ended: the others must, too.
    let deadline: NIODeadline?

    init(
        _ stage: RetryStage, _ request: Request, before sink: any ResponseSink,
        _ next: Next
    ) {
        self.stage = stage
        self.sink = sink
        self.next = next
        deadline = [request.limit, request.deadline].compactMap { $0 }.min()
        var request = request
        if let deadline { request.shorten(to: deadline) }
        self.request = request
    }

    /// Tries the request once more.
    ///
    /// - Parameter number: of the try that was not good enough.
    func tryAgain(after number: Int, in pause: TimeAmount, avoiding replica: ReplicaID?) {
        var again = request
        again.avoidedReplica = replica
        // Bound: one for each request that is being tried again; it goes when the pause is over.
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: pause) { [self, again] in
            // The clock is not there for what the stages behind do, or the plugin.
            again.resume {
                self.next.proceedAgain(again, for: RetryingSink(self, try: number + 1))
            }
        }
    }
}

/// Stands for the caller in one try, until there is a response that is good enough or the last one.
///
/// Each try has its own: what still comes from one that is over, such as a part of a stream that another thread writes,
/// must not get into the next one's response.
private final class RetryingSink: ResponseSink {
    private enum Progress: UInt8, AtomicRepresentable {
        case open
        /// A part of the response has gone out.
        case begun
        case over
    }

    private let retries: Retries
    private let number: Int
    private let progress = Atomic<Progress>(.open)

    init(_ retries: Retries, try number: Int) {
        self.retries = retries
        self.number = number
    }

    var requestID: String { retries.sink.requestID }

    func rename(requestID: String) { retries.sink.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata { retries.sink.makeMetadata() }

    func receive(part: CallResponse) -> Bool {
        let before = progress.compareExchange(
            expected: .open, desired: .begun, ordering: .acquiringAndReleasing
        ).original
        return before != .over && retries.sink.receive(part: part)
    }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        let before = progress.exchange(.over, ordering: .acquiringAndReleasing)
        guard before != .over else { return }
        guard before == .open,
            let pause = retries.stage.pause(
                after: result, tries: number, deadline: retries.deadline)
        else { return retries.sink.receive(result) }
        retries.tryAgain(after: number, in: pause, avoiding: result.replica)
    }
}

extension Result<CallResponse, DispatchError> {
    /// Whose it is, if it is a failure; nil: no replica's, or nobody has noted it.
    fileprivate var replica: ReplicaID? {
        if case .failure(let error) = self { error.replica } else { nil }
    }
}
