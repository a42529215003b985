/// Why the admin API could not be served or asked.
package struct AdminError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The path can't be that of a socket.
        case unusablePath
        /// The socket or the port can't be listened on.
        case cannotListen
        /// The token is missing, or can't be used.
        case unusableToken
        /// The URL can't be that of an admin API.
        case unusableURL
        /// No host listens there.
        case notRunning
        /// The host went away, or took too long.
        case noResponse
        /// The host refused.
        case refused(status: Int)
        /// The host's response makes no sense.
        case protocolViolation
    }

    package var code: Code
    /// What happened and what to do next, one line for people.
    package var message: String
    package var cause: (any Error)?

    package var description: String { message }
}
