/// Why a call has no successful response.
package struct DispatchError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// There is no endpoint of that name.
        case unknownEndpoint
        /// The argument can't be encoded.
        case invalidArgument
        /// The plugin has no method of that name.
        case unknownMethod
        /// `max_queued_requests` calls are waiting already.
        case queueFull
        case deadlineExceeded
        /// The caller went away.
        case cancelled
        /// No replica can take the call, now or soon.
        case unavailable
        /// The plugin finished the call with this status.
        case plugin(StatusCode)
        /// The host, or a middleware stage, refuses the request with this HTTP status.
        case refused(httpStatus: Int)
    }

    package var code: Code
    /// What happened, and what to do next where that isn't plain; for the caller.
    package var message: String
    /// For callers that came by HTTP.
    package var headers: [(name: String, value: String)]
    package var cause: (any Error)?
    /// Whose response it is; nil: no replica's.
    package var replica: ReplicaID?
    /// The HTTP status that the plugin chose; nil: what the code says.
    package var chosenHTTPStatus: Int?
    /// What the plugin says beside the message.
    package var details: FailureDetails?
    /// The call that failed; nil: it failed before there was one.
    package var call: FailedCall?

    package init(
        _ code: Code, _ message: String, headers: [(name: String, value: String)] = [],
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.headers = headers
        self.cause = cause
    }

    /// A plugin's failure.
    package init(_ failure: CallFailure) {
        self.init(
            .plugin(failure.status), failure.message, headers: failure.headers, cause: failure)
        chosenHTTPStatus = failure.httpStatus
        details = failure.details
    }

    package static let callerGone = DispatchError(.cancelled, "the caller went away")

    package var description: String { message }
}

/// The one table from reasons to HTTP statuses, for every face the host shows.
extension DispatchError {
    package var httpStatus: Int {
        if let chosenHTTPStatus { return chosenHTTPStatus }
        return switch code {
        case .unknownEndpoint, .unknownMethod: 404
        case .invalidArgument: 400
        case .queueFull, .unavailable: 503
        case .deadlineExceeded: 504
        case .cancelled: 499
        case .plugin(let status): status.httpStatus
        case .refused(let status): status
        }
    }
}

/// The reasons as the plugins among the callers get them.
extension DispatchError {
    package var status: StatusCode {
        switch code {
        case .unknownEndpoint, .unknownMethod: .notFound
        case .invalidArgument: .invalidArgument
        case .queueFull: .resourceExhausted
        case .deadlineExceeded: .deadlineExceeded
        case .cancelled: .cancelled
        case .unavailable: .unavailable
        case .plugin(let status): status
        case .refused(let httpStatus): StatusCode(httpStatus: httpStatus)
        }
    }
}

extension StatusCode {
    /// What comes nearest to an HTTP status that is no success.
    ///
    /// Source: the HTTP mapping in google/rpc/code.proto, the other way round.
    init(httpStatus: Int) {
        self =
            switch httpStatus {
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404, 405, 410: .notFound
            case 408, 504: .deadlineExceeded
            case 409: .aborted
            case 413, 429: .resourceExhausted
            case 499: .cancelled
            case 501: .unimplemented
            case 502, 503: .unavailable
            case 400..<500: .invalidArgument
            case 500..<600: .internal
            default: .unknown
            }
    }
}

/// What the log says of a call that has no successful response.
package struct FailedCall: Sendable {
    /// The backend's tag.
    package var backend: String
    package var plugin: String?
    package var method: String

    package init(backend: String, plugin: String?, method: String) {
        self.backend = backend
        self.plugin = plugin
        self.method = method
    }
}

/// The cause of a ``DispatchError/Code/deadlineExceeded`` that says nothing of the backend: a caller was in a hurry.
package struct CallersDeadline: Error {
    package init() {}
}
