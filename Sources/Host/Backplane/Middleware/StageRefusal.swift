public import HTTPTypes
internal import HostCore
internal import HostDispatch

/// What a stage throws to refuse a request: the client gets a problem (RFC 9457) of this status, a handle's caller a
/// ``CallError`` with the code ``CallError/Code/refused``.
public struct StageRefusal: Error, Sendable, CustomStringConvertible {
    /// The response's status.
    public var status: HTTPResponse.Status
    /// What happened, and what to do next where that isn't plain; for the client.
    public var message: String
    /// The response's, beside those that the host writes.
    public var headerFields: HTTPFields

    /// - Parameter status: 400 to 599.
    public init(
        _ status: HTTPResponse.Status, _ message: String, headerFields: HTTPFields = [:]
    ) {
        precondition((400..<600).contains(status.code), "a refusal has the status of an error")
        self.status = status
        self.message = message
        self.headerFields = headerFields
    }

    /// The message.
    public var description: String { message }

    var dispatched: DispatchError {
        DispatchError(
            .refused(httpStatus: status.code), message, headers: headerFields.listed, cause: self)
    }
}
