package import HostPlugins

/// Why a call has no successful answer.
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
    /// Whose answer it is; nil: no replica's.
    package var replica: ReplicaID?

    package init(
        _ code: Code, _ message: String, headers: [(name: String, value: String)] = [],
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.headers = headers
        self.cause = cause
    }

    package var description: String { message }
}

/// The cause of a ``DispatchError/Code/deadlineExceeded`` that says nothing of the backend: a caller was in a hurry.
package struct CallersDeadline: Error {
    package init() {}
}
