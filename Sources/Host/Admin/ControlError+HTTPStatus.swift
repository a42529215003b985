internal import HostControl

/// The one table from an operator's errors to HTTP statuses.
extension ControlError {
    var httpStatus: Int {
        switch code {
        case .invalid: 400
        case .noSuchPlugin, .noSuchReplica, .noSuchBackend, .noSuchEndpoint: 404
        case .alreadyExists, .backendInUse: 409
        case .loadFailed, .restartFailed: 422
        case .stateUnusable, .stateNotWritten: 500
        case .shuttingDown, .notRunning: 503
        }
    }
}
