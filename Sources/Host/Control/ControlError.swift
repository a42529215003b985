/// Why an operator's request was refused.
package struct ControlError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case noSuchPlugin
        case noSuchReplica
        /// Not the form of a route.
        case invalidRoute
        /// Weights that don't sum to 1, or a share that is none.
        case invalidTraffic
        /// The plugin could not be loaded; what served before serves on.
        case loadFailed
        /// The replica could not be made anew; the one that was there serves on.
        case restartFailed
        case shuttingDown
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
}
