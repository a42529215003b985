internal import CLinux
package import Logging

/// The log of a program that serves: on standard error, written by a thread of its own.
///
/// Whoever logs never waits for the log's reader. When a mebibyte of lines waits, the next ones are dropped, and a line
/// says how many.
package enum HostLog {
    /// Starts the thread. Once in a process.
    ///
    /// - Throws: why there is no thread.
    package static func start() throws(StartError) {
        let error = clinux_log_start(2)
        guard error == 0 else { throw StartError(number: error) }
    }

    package struct StartError: Error, CustomStringConvertible {
        let number: CInt

        package var description: String {
            "cannot start the thread that writes the log: error \(number)"
        }
    }

    /// A logger whose lines go there.
    package static func logger(label: String, level: Logger.Level) -> Logger {
        var logger = Logger(label: label) { Handler(label: $0) }
        logger.logLevel = level
        return logger
    }

    /// Waits, blocking, until what was logged before is written, but not for long where nobody reads it.
    package static func flush() {
        _ = clinux_log_flush(500)
    }

    private struct Handler: LogHandler {
        let label: String
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]
        var metadataProvider: Logger.MetadataProvider?

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            var metadata = metadata
            if let provided = metadataProvider?.get() { metadata.merge(provided) { $1 } }
            if let explicit = event.metadata { metadata.merge(explicit) { $1 } }
            var line = LogLine.text(
                at: HostLog.time, event.level, label: label, metadata: metadata,
                source: event.source, message: event.message.description)
            line.withUTF8 { bytes in
                _ = unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                    unsafe clinux_log_append(bytes.baseAddress, bytes.count)
                }
            }
        }
    }

    private static var time: String {
        unsafe withUnsafeTemporaryAllocation(
            of: CChar.self, capacity: Int(CLINUX_LOG_TIME_SIZE)
        ) { text in
            unsafe clinux_log_time(text.baseAddress)
            return unsafe String(cString: text.baseAddress!)
        }
    }
}
