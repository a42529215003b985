package import NIOCore

/// A plugin's response, or a part of a streamed one; or the response of a middleware stage in its place.
package struct CallResponse: Sendable {
    /// The HTTP status, 200 to 599; of a stream, that of the first part.
    package var status: Int
    package var body: ByteBuffer
    /// Empty: `application/octet-stream`.
    package var contentType: String
    package var headers: [(name: String, value: String)]
    /// Fields behind the body, of the last part of a stream. A face that has no place for them leaves them out, and so
    /// does a program's stage, which sees bodies alone.
    package var trailers: [(name: String, value: String)] = []
    /// Whether others come with it, of one batch: a face does well to send them together, on a thread of its own.
    package var comesWithOthers = false

    package init(
        status: Int = 200, body: ByteBuffer, contentType: String,
        headers: [(name: String, value: String)] = []
    ) {
        self.status = status
        self.body = body
        self.contentType = contentType
        self.headers = headers
    }
}

/// Why a plugin has no response.
package struct CallFailure: Error, Sendable {
    package var status: StatusCode
    package var message: String
    /// What an HTTP caller gets, 400 to 599; nil: what the status says.
    package var httpStatus: Int?
    package var headers: [(name: String, value: String)]
    package var details: FailureDetails?

    package init(
        _ status: StatusCode, _ message: String, httpStatus: Int? = nil,
        headers: [(name: String, value: String)] = [], details: FailureDetails? = nil
    ) {
        self.status = status
        self.message = message
        self.httpStatus = httpStatus
        self.headers = headers
        self.details = details
    }
}

/// What a failure says beside its message. An object, because few failures have it.
package final class FailureDetails: Sendable {
    /// Empty: the bytes are JSON, to be put into the problem that the host writes. Otherwise they are the whole body,
    /// in place of that problem.
    package let contentType: String
    package let bytes: ByteBuffer

    package init(contentType: String, bytes: ByteBuffer) {
        self.contentType = contentType
        self.bytes = bytes
    }
}
