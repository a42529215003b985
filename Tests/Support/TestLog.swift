package import Logging
import NIOConcurrencyHelpers

/// What the host logged, for tests to look at.
package final class TestLog: Sendable {
    private let lines = NIOLockedValueBox<[String]>([])

    package init() {}

    /// Each line is `level message key=value ...`.
    package var text: [String] { lines.withLockedValue { $0 } }

    package func count(containing fragment: String) -> Int {
        text.filter { $0.contains(fragment) }.count
    }

    package var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(log: self) }
        logger.logLevel = .debug
        return logger
    }

    package var quiet: Logger { Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() } }

    private struct Handler: LogHandler {
        let log: TestLog
        var logLevel = Logger.Level.debug
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = metadata.merging(event.metadata ?? [:]) { $1 }
            let pairs = metadata.map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            log.lines.withLockedValue { $0.append("\(event.level) \(event.message) \(pairs)") }
        }
    }
}
