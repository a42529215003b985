internal import HostTransport
internal import Logging

/// The log of a worker: its lines go to the host, which knows whose they are.
struct ReportedLog: LogHandler {
    private let reports: ReportWriter
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(to reports: ReportWriter) {
        self.reports = reports
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map {
            (name: $0.key, value: "\($0.value)")
        }
        let level = Logger.Level.allCases.firstIndex(of: event.level) ?? 0
        reports.write(
            WorkerReport.log(
                level: UInt8(level), message: String("\(event.message)".prefix(16_384)),
                metadata: fields.prefix(64).map { ($0.name, String($0.value.prefix(1_024))) }
            ).packed)
    }
}
