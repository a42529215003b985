public import HTTPTypes
internal import HostCore
internal import NIOCore

/// A response on its way back through a stage.
public struct StageResponse: Sendable {
    /// A stage that sets it makes a ``failure`` a response of its own.
    public var status: HTTPResponse.Status { didSet { failure = nil } }
    /// Beside those that the host writes: what says how the message is framed is the host's.
    public var headerFields: HTTPFields
    /// A failure has none yet: the host writes it at last. A stage that sets it makes that a response of its own.
    public var body: StageBody { didSet { failure = nil } }
    /// Why there is no other response: the plugin has failed, the host or a stage refuses, or nobody was found at that
    /// path. The client gets a problem (RFC 9457) with ``status``, and with what is added to ``headerFields``.
    public private(set) var failure: CallError?

    /// A response of the stage's own.
    public init(
        _ status: HTTPResponse.Status = .ok, headerFields: HTTPFields = [:],
        body: StageBody = StageBody()
    ) {
        self.status = status
        self.headerFields = headerFields
        self.body = body
    }

    /// The response of what is behind a stage.
    init(_ response: CallResponse, body: StageBody) {
        self.init(
            HTTPResponse.Status(code: response.status),
            headerFields: HTTPFields(listed: response.headers), body: body)
        if !response.contentType.isEmpty { headerFields[.contentType] = response.contentType }
    }

    /// A response that says why there is no other one: what a stage has caught.
    public init(_ failure: CallError) {
        self.init(
            HTTPResponse.Status(code: failure.httpStatus),
            headerFields: HTTPFields(listed: failure.dispatched?.headers ?? []))
        self.failure = failure
    }

    /// The head as the host has it; nil: it is a failure.
    var head: CallResponse {
        var fields = headerFields
        fields[.contentType] = nil
        return CallResponse(
            status: status.code, body: ByteBuffer(),
            contentType: headerFields[.contentType] ?? "", headers: fields.listed)
    }

    /// The failure as the host has it.
    var error: DispatchError? {
        guard let failure else { return nil }
        var error =
            failure.dispatched
            ?? DispatchError(
                .refused(httpStatus: failure.httpStatus), failure.message, cause: failure)
        var fields = headerFields
        fields[.contentType] = nil
        error.headers = fields.listed
        return error
    }
}
