/// Why the HTTP listener could not start.
package struct IngressError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case cannotListen
    }

    package var code: Code
    package var message: String
    package var cause: (any Error)?

    package var description: String { message }
}
