/// Why an operator's request was refused.
package struct ControlError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case noSuchPlugin
        case noSuchReplica
        /// The plugin could not be loaded; what served before serves on.
        case loadFailed
        /// The replica could not be made anew; the one that was there serves on.
        case restartFailed
        case shuttingDown
        /// The host does not take changes yet, or any more.
        case notRunning
        case noSuchBackend
        case noSuchEndpoint
        /// The tag, the name or the route is another's.
        case alreadyExists
        /// Endpoints use the backend.
        case backendInUse
        /// A name, route, method, weight or option that can't be.
        case invalid
        /// Parts that are right by themselves and can't be together: weights that don't sum to 1.
        case contradiction
        /// A backend can't be started, or is not served: the change would have broken what serves, and was not made.
        case notServed
        /// The state file can't be used, or not be made; it is as it was.
        case stateUnusable
        /// A change could not be written, and has not taken effect.
        case stateNotWritten
    }

    package var code: Code
    /// What happened and what to do next, one line for people.
    package var message: String
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { message }

    /// The same error, with what it is about before its message.
    package func about(_ subject: String) -> ControlError {
        ControlError(code, "\(subject): \(message)", cause: cause)
    }
}
