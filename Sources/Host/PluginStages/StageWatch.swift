internal import HostDispatch
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Synchronization

/// Watches how long a plugin's stage keeps the threads that requests pass on, and says so in the log. Any thread.
///
/// It can't be moved to another thread as an INLINE method can: its order among the stages is a promise.
final class StageWatch: Sendable {
    private let logger: Logger
    private let budget = NIOLockedValueBox(InlineBudget())
    /// As the budget has it, without its lock.
    private let isSuspect = Atomic<Bool>(false)
    private let overstays = Atomic<Int>(0)

    init(logger: Logger) {
        self.logger = logger
    }

    func run(_ function: String, _ body: () -> Void) {
        let usage = isSuspect.load(ordering: .relaxed) ? ThreadUsage.now() : nil
        let start = NIODeadline.now()
        body()
        let duration = NIODeadline.now() - start
        let isLong = duration > InlineBudget.limit
        guard isLong || usage != nil else { return }
        let isOwnDoing = usage.map {
            isLong && ThreadUsage.now().exceeds(InlineBudget.limit, since: $0)
        }
        let overstayed = budget.withLockedValue { budget in
            let overstayed = budget.record(duration, isOwnDoing: isOwnDoing)
            if overstayed { budget = InlineBudget() }
            isSuspect.store(budget.isSuspect, ordering: .relaxed)
            return overstayed
        }
        guard overstayed else { return }
        let count = overstays.add(1, ordering: .relaxed).newValue
        // As often as misuse is told.
        guard count & (count - 1) == 0 else { return }
        logger.warning(
            """
            a middleware stage kept a thread that requests pass on; it must take well under a \
            millisecond: let it decide later, on a thread of its own (BACKPLANE_MIDDLEWARE_ASYNC)
            """,
            metadata: [
                "function": "\(function)", "ms": "\(duration.nanoseconds / 1_000_000)",
                "count": "\(count)",
            ])
    }
}
