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
        }
    }
}
