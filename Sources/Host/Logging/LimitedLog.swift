package import Logging
internal import NIOConcurrencyHelpers

/// Logs what may happen with every call: some lines of each kind, and then how many there would have been.
package final class LimitedLog: Sendable {
    private let logger: Logger
    private let level: Logger.Level
    private let interval: Duration
    private let budget: NIOLockedValueBox<LineBudget>

    /// - Parameters:
    ///   - limit: lines of a kind.
    ///   - interval: in which they may be written.
    package init(
        _ logger: Logger, level: Logger.Level = .warning, limit: Int = 10,
        interval: Duration = .seconds(10)
    ) {
        self.logger = logger
        self.level = level
        self.interval = interval
        budget = NIOLockedValueBox(LineBudget(limit: limit, interval: interval))
    }

    /// Logs a line, or counts it.
    ///
    /// - Parameter metadata: what differs between lines of the kind.
    package func log(
        _ kind: LineBudget.Kind, _ message: @autoclosure () -> String,
        metadata: @autoclosure () -> [String: String] = [:]
    ) {
        switch budget.withLockedValue({ $0.spend(on: kind, at: .now) }) {
        case .write:
            logger.log(
                level: level, "\(message())",
                metadata: kind.metadata.merging(metadata()) { $1 }.mapValues { "\($0)" })
        case .leaveOut(summaryAt: nil): break
        case .leaveOut(summaryAt: let end?):
            let last = message()
            // Nobody waits for it: at the end of the host, ``summarise()`` does the same.
            Task {
                try? await Task.sleep(until: end, clock: .continuous)
                self.summarise(kind, such: last)
            }
        }
    }

    /// Tells at once of what was left out: the host ends.
    package func summarise() {
        for kind in budget.withLockedValue({ $0.kindsLeftOut }) { summarise(kind, such: nil) }
    }

    private func summarise(_ kind: LineBudget.Kind, such message: String?) {
        let count = budget.withLockedValue { $0.takeLeftOut(of: kind) }
        guard count > 0 else { return }
        let such = message.map { ", such as: \($0)" } ?? ""
        logger.log(
            level: level,
            "\(kind.name): \(count) lines more within \(interval.components.seconds) s\(such)",
            metadata: kind.metadata.merging(["count": "\(count)"]) { $1 }.mapValues { "\($0)" })
    }
}
