internal import HostDispatch
internal import HostForms
internal import HostPlugins
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

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

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        guard methods.contains(request.httpMethod) else {
            return passage.proceed(request, for: caller)
        }
        budget.withLockedValue { $0.deposit(at: .now()) }
        passage.proceed(request, for: RetryingCaller(self, request, before: caller, passage))
    }

    /// - Parameter tries: how many there have been.
    /// - Returns: how long to wait before the next one; nil: the answer stands.
    fileprivate func pause(
        after result: Result<PluginResponse, DispatchError>, tries: Int, deadline: NIODeadline?
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

    private func isWorthAnother(_ result: Result<PluginResponse, DispatchError>) -> Bool {
        switch result {
        case .success(let response): return statuses.contains(response.status)
        case .failure(let error):
            guard statuses.contains(error.httpStatus) else { return false }
            // A stage behind this one that says for how long, such as an open circuit, means it.
            let wait = error.headers.first { $0.name.lowercased() == "retry-after" }
                .flatMap { Int64($0.value) }
            guard let wait else { return true }
            return wait <= Self.nanoseconds(options.maxBackoff) / 1_000_000_000
        }
    }

    private static func nanoseconds(_ time: ConfiguredTime) -> Int64 {
        TimeAmount(time.duration ?? .zero).nanoseconds
    }
}

/// Stands for the caller, until there is an answer that is good enough or the last one.
private final class RetryingCaller: Caller {
    private let stage: RetryStage
    private let request: MiddlewareRequest
    private let caller: any Caller
    private let passage: Passage
    /// When the first try would have ended: the others must, too.
    private let deadline: NIODeadline?
    private let state = NIOLockedValueBox(State())

    private struct State {
        var tries = 1
        var hasBegun = false
    }

    init(
        _ stage: RetryStage, _ request: MiddlewareRequest, before caller: any Caller,
        _ passage: Passage
    ) {
        self.stage = stage
        self.caller = caller
        self.passage = passage
        deadline = [request.limit, request.deadline].compactMap { $0 }.min()
        var request = request
        if let deadline { request.shorten(to: deadline) }
        self.request = request
    }

    var requestID: String { caller.requestID }

    func rename(requestID: String) { caller.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata { caller.makeMetadata() }

    func receive(part: PluginResponse) -> Bool {
        state.withLockedValue { $0.hasBegun = true }
        return caller.receive(part: part)
    }

    func receive(_ result: Result<PluginResponse, DispatchError>) {
        let (tries, hasBegun) = state.withLockedValue { ($0.tries, $0.hasBegun) }
        guard !hasBegun,
            let pause = stage.pause(after: result, tries: tries, deadline: deadline)
        else { return caller.receive(result) }
        state.withLockedValue { $0.tries += 1 }
        var again = request
        if case .failure(let error) = result { again.avoidedReplica = error.replica }
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: pause) { [again] in
            self.passage.proceedAgain(again, for: self)
        }
    }
}
