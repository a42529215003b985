internal import HostCore
internal import NIOCore
internal import NIOHTTP1

/// An error response: `application/problem+json` (RFC 9457) with the request's id.
struct Problem: Error {
    var status: HTTPResponseStatus
    /// What happened, and what to do next where that isn't plain.
    var detail: String
    var headers: [(name: String, value: String)] = []
    /// What the plugin says beside that.
    var details: FailureDetails?
    /// Whether the connection can't go on: the rest of the request can't be told from the next one.
    var closesConnection = false
    /// The call that failed, for the log.
    var call: FailedCall?

    var contentType: String {
        details.flatMap { $0.contentType.isEmpty ? nil : $0.contentType }
            ?? "application/problem+json"
    }

    /// The body. `type` is left out, which means `about:blank`: the status says it all.
    func body(requestID: String) -> ByteBuffer {
        if let details, !details.contentType.isEmpty { return details.bytes }
        var json = JSONText()
        json.beginObject()
        json.member("title", status.reasonPhrase)
        json.member("status", Int(status.code))
        json.member("detail", detail)
        json.member("request_id", requestID)
        if let details { json.member("details", json: String(buffer: details.bytes)) }
        json.endObject()
        return ByteBuffer(string: json.text)
    }

    /// The headers, and the id, if it isn't among them.
    func headers(requestID: String) -> [(name: String, value: String)] {
        let hasID = headers.contains { $0.name.lowercased() == "x-request-id" }
        return hasID ? headers : headers + [("x-request-id", requestID)]
    }

    /// The response for a call that did not succeed.
    init(_ error: DispatchError) {
        // 499 is nginx's, and has no phrase of its own.
        status =
            error.httpStatus == 499
            ? .custom(code: 499, reasonPhrase: "Client Closed Request")
            : HTTPResponseStatus(statusCode: error.httpStatus)
        detail = error.message
        headers = error.headers
        details = error.details
        call = error.call
        switch error.code {
        case .queueFull, .unavailable: headers.append(("retry-after", "1"))
        case .plugin(let code) where detail.isEmpty: detail = "the plugin answered \(code.name)"
        case .unknownEndpoint, .invalidArgument, .unknownMethod, .deadlineExceeded, .cancelled,
            .plugin, .refused:
            break
        }
    }

    init(
        _ status: HTTPResponseStatus, _ detail: String,
        headers: [(name: String, value: String)] = [], closesConnection: Bool = false
    ) {
        self.status = status
        self.detail = detail
        self.headers = headers
        self.closesConnection = closesConnection
    }
}
