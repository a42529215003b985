package import HostPlugins

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
