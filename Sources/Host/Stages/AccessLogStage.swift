internal import HostCore
internal import HostForms
internal import HostPipeline
internal import Logging
internal import NIOCore

/// Writes a line for each request, when its response is over.
final class AccessLogStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var format = AccessRecord.Format.text
        /// nil: the host's own log.
        var file: String?
    }

    static let kind = MiddlewareKind(
        "access-log", "Writes a line for each request.",
        .mapping(keys, from: Options(), such: "{format: json}"), initial: Options(),
        make: AccessLogStage.make)

    private static let keys: [ConfigurationKey<Options>] = [
        .defaulted(
            "format", \.format, format, unless: .text,
            "What a line looks like: text or json. Default: text."),
        .optional(
            "file", \.file, .text("a path"),
            "The file that lines are appended to. Default: the host's own log."),
    ]

    private static let format: ConfigurationForm<AccessRecord.Format> = {
        let name = ConfigurationForm<String>.name(of: AccessRecord.Format.allCases.map(\.rawValue))
        return ConfigurationForm(
            schema: name.schema,
            read: { (node, path) throws(ConfigurationError) in
                AccessRecord.Format(rawValue: try name.read(node, path)) ?? .text
            }, write: { name.write($0.rawValue) })
    }()

    private static func make(
        _ options: Options, _ place: MiddlewarePlace
    ) throws(ConfigurationError) -> any MiddlewareStage {
        let logger = place.logger
        var sink: LogWriter.Sink = { lines in
            for line in String(buffer: lines).split(separator: "\n") { logger.info("\(line)") }
            return 0
        }
        if let path = options.file {
            do {
                let file = try LogFile(path, logger: logger)
                sink = { file.append($0) }
            } catch {
                let key = ConfigurationPath.root.appending("file")
                throw ConfigurationError(
                    .unreadable, at: nil, key, "\(key) \(path) can't be opened: \(error.reason)")
            }
        }
        return AccessLogStage(
            options.format, backend: place.backend, LogWriter(logger: logger, sink: sink))
    }

    private let format: AccessRecord.Format
    private let backend: String?
    private let writer: LogWriter

    init(_ format: AccessRecord.Format, backend: String?, _ writer: LogWriter) {
        self.format = format
        self.backend = backend
        self.writer = writer
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        let filter = Filter(request, sink, self)
        next.proceed(request, for: FilteringSink(filter, before: sink, next))
    }

    fileprivate func write(_ record: AccessRecord) {
        var line = ByteBuffer()
        line.reserveCapacity(256)
        record.write(format, into: &line)
        writer.append(line)
    }

    /// Remembers a request until it is over.
    private final class Filter: ResponseFilter, @unchecked Sendable {
        // Sendable: the chain calls the functions of a filter one after the other.
        private let request: Request
        private let sink: any ResponseSink
        private let stage: AccessLogStage
        private let start = NIODeadline.now()
        private var status = 0
        private var bytes = 0

        init(_ request: Request, _ sink: any ResponseSink, _ stage: AccessLogStage) {
            self.request = request
            self.sink = sink
            self.stage = stage
        }

        func begin(_ head: inout ResponseHead) {
            status = head.status
        }

        func pass(_ body: inout ByteBuffer, isLast: Bool) {
            bytes += body.readableBytes
        }

        func end(_ error: DispatchError?) {
            // A client that goes away in the middle of a response has gone away all the same.
            if let error, status == 0 || error.code == .cancelled { status = error.httpStatus }
            let hasNoBody = request.httpMethod == "HEAD" || status == 204 || status == 304
            stage.write(
                AccessRecord(
                    time: .now, origin: request.origin,
                    remoteAddress: request.remoteAddress?.ipAddress,
                    httpMethod: request.httpMethod, path: request.path, status: status,
                    bytes: hasNoBody ? 0 : error == nil || bytes > 0 ? bytes : nil,
                    duration: .now() - start, requestID: sink.requestID,
                    backend: stage.backend, referer: request.headers.first(name: "referer"),
                    userAgent: request.headers.first(name: "user-agent"), error: error?.message))
        }
    }
}
