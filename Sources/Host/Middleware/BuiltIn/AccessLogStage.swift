internal import HostDispatch
internal import HostForms
internal import HostPlugins
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// Writes a line for each request, when its answer is over.
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

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        let filter = Filter(request, caller, self)
        passage.proceed(request, for: FilteringCaller(filter, before: caller, passage))
    }

    fileprivate func write(_ record: AccessRecord) {
        var line = ByteBuffer()
        line.reserveCapacity(256)
        record.write(format, into: &line)
        writer.append(line)
    }

    /// Remembers a request until it is over.
    private final class Filter: AnswerFilter {
        private let request: MiddlewareRequest
        private let caller: any Caller
        private let stage: AccessLogStage
        private let start = NIODeadline.now()
        private let status = Atomic<Int>(0)
        private let bytes = Atomic<Int>(0)
        private let isOver = Atomic<Bool>(false)

        init(_ request: MiddlewareRequest, _ caller: any Caller, _ stage: AccessLogStage) {
            self.request = request
            self.caller = caller
            self.stage = stage
        }

        /// A request that nobody answered and nobody waits for any more.
        deinit { end(DispatchError(.cancelled, "the request was given up")) }

        func begin(_ head: inout AnswerHead) {
            status.store(head.status, ordering: .relaxed)
        }

        func pass(_ body: inout ByteBuffer, isLast: Bool) {
            bytes.add(body.readableBytes, ordering: .relaxed)
        }

        func end(_ error: DispatchError?) {
            guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
            let bytes = bytes.load(ordering: .relaxed)
            var status = status.load(ordering: .relaxed)
            // A client that goes away in the middle of an answer has gone away all the same.
            if let error, status == 0 || error.code == .cancelled { status = error.httpStatus }
            let hasNoBody = request.httpMethod == "HEAD" || status == 204 || status == 304
            stage.write(
                AccessRecord(
                    time: .now, origin: request.origin,
                    remoteAddress: request.remoteAddress?.ipAddress,
                    httpMethod: request.httpMethod, path: request.path, status: status,
                    bytes: hasNoBody ? 0 : error == nil || bytes > 0 ? bytes : nil,
                    duration: .now() - start, requestID: caller.requestID,
                    backend: stage.backend, referer: request.headers.first(name: "referer"),
                    userAgent: request.headers.first(name: "user-agent"), error: error?.message))
        }
    }
}
