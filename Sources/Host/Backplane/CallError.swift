internal import HostCore
public import NIOCore

/// Why a handle's call has no response.
public struct CallError: Error, Sendable, CustomStringConvertible {
    /// The kind of a failure.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// There is no endpoint of that name, or no longer.
        public static let unknownEndpoint = Code("unknownEndpoint")
        /// The plugin has no method of that name.
        public static let unknownMethod = Code("unknownMethod")
        /// The argument can't be encoded.
        public static let invalidArgument = Code("invalidArgument")
        /// As many calls wait as `max_queued_requests` allows.
        public static let queueFull = Code("queueFull")
        /// The plugin did not answer in time.
        public static let deadlineExceeded = Code("deadlineExceeded")
        /// The call was cancelled.
        public static let cancelled = Code("cancelled")
        /// No replica can take the call, now or soon.
        public static let unavailable = Code("unavailable")
        /// The plugin finished the call with a status other than OK: ``CallError/status``.
        public static let plugin = Code("plugin")
        /// Middleware refused the call, or the plugin gave a response with the status of an error:
        /// ``CallError/httpStatus`` is what they said.
        public static let refused = Code("refused")
        /// The response is not of the form that was asked for.
        public static let unexpectedResponse = Code("unexpectedResponse")

        /// The code's name.
        public let description: String

        private init(_ description: String) {
            self.description = description
        }
    }

    /// The kind of the failure.
    public let code: Code
    /// gRPC's name for the failure, such as `NOT_FOUND`; that which the plugin gave, if it was the plugin who did.
    public let status: String
    /// The status that an HTTP caller gets.
    public let httpStatus: Int
    /// What happened, and what to do next where that isn't plain.
    public let message: String
    /// The headers that the plugin, or the stage, gave with it.
    public let headers: [(name: String, value: String)]
    /// The content type of ``details``; empty when they are JSON that came without one.
    public let contentType: String
    /// What the plugin, or the stage, said beside the message; nil: nothing.
    public let details: ByteBuffer?
    /// What lies behind it, if anything does.
    public let cause: (any Error)?
    /// The host's own error, if it is one of the host's.
    let dispatched: DispatchError?
    /// Whether it is one of what a stage has in hand: of no fault of the stage.
    let isPassing: Bool

    /// The message.
    public var description: String { message }

    init(_ error: DispatchError) {
        self.init(error, isPassing: false)
    }

    /// The error of a request that passes a stage, or of its response.
    init(passing error: DispatchError) {
        self.init(error, isPassing: true)
    }

    private init(_ error: DispatchError, isPassing: Bool) {
        dispatched = error
        self.isPassing = isPassing
        code =
            switch error.code {
            case .unknownEndpoint: .unknownEndpoint
            case .unknownMethod: .unknownMethod
            case .invalidArgument: .invalidArgument
            case .queueFull: .queueFull
            case .deadlineExceeded: .deadlineExceeded
            case .cancelled: .cancelled
            case .unavailable: .unavailable
            case .plugin: .plugin
            case .refused: .refused
            }
        status = error.status.name
        httpStatus = error.httpStatus
        message = error.message
        headers = error.headers
        contentType = error.details?.contentType ?? ""
        details = error.details?.bytes
        cause = error.cause
    }

    init(_ code: Code, _ message: String, cause: any Error) {
        self.code = code
        status = "INTERNAL"
        httpStatus = 500
        self.message = message
        headers = []
        contentType = ""
        details = nil
        self.cause = cause
        dispatched = nil
        isPassing = false
    }
}
