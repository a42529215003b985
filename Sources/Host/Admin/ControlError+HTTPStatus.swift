internal import HostCore

/// The one table from an operator's errors to HTTP statuses. 422 is for what has the form that the document asks for,
/// and can't be done for a reason that no schema tells.
extension ControlError {
    /// For a request whose body names backends and plugins: one that isn't there is no 404, which speaks of the path.
    var httpStatusOfBody: Int {
        code == .noSuchBackend || code == .noSuchPlugin ? 422 : httpStatus
    }

    var httpStatus: Int {
        switch code {
        case .invalid: 400
        case .noSuchPlugin, .noSuchReplica, .noSuchBackend, .noSuchEndpoint: 404
        case .alreadyExists, .backendInUse: 409
        case .contradiction, .loadFailed, .restartFailed, .notServed: 422
        case .stateUnusable, .stateNotWritten: 500
        case .shuttingDown, .notRunning: 503
        }
    }
}
