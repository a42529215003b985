package import HostPlugins

/// The one table from reasons to HTTP statuses, for every face the host shows.
extension DispatchError {
    package var httpStatus: Int {
        switch code {
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

extension StatusCode {
    /// Source: the HTTP mapping in google/rpc/code.proto; 499 as in nginx.
    package var httpStatus: Int {
        switch self {
        case .ok: 200
        case .invalidArgument, .failedPrecondition, .outOfRange: 400
        case .unauthenticated: 401
        case .permissionDenied: 403
        case .notFound: 404
        case .alreadyExists, .aborted: 409
        case .resourceExhausted: 429
        case .cancelled: 499
        case .unknown, .internal, .dataLoss: 500
        case .unimplemented: 501
        case .unavailable: 503
        case .deadlineExceeded: 504
        }
    }
}
