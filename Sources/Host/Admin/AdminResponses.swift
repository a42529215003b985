internal import Foundation
internal import HTTPTypes
internal import HostControl
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1

/// The forms of the admin API's answers.
enum AdminResponses {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response
    {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
    }

    static func text(_ text: String, contentType: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func problem(_ error: ControlError) throws -> Response {
        try problem(error.httpStatus, error.message)
    }

    static func problem(_ code: Int, _ detail: String) throws -> Response {
        let status = HTTPResponse.Status(code: code)
        // 499 is nginx's, and has no phrase of its own.
        let title =
            code == 499
            ? "Client Closed Request" : HTTPResponseStatus(statusCode: code).reasonPhrase
        let problem = AdminProblem(title: title, status: code, detail: detail)
        return Response(
            status: status, headers: [.contentType: AdminAPI.problemType],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(problem))))
    }

    /// Answers with the JSON of what an operation returns, or with the problem that it ends with.
    ///
    /// - Parameter failure: the status of that.
    static func answer<Value: Encodable>(
        status: HTTPResponse.Status = .ok, failure: (ControlError) -> Int = \.httpStatus,
        _ operation: () async throws(ControlError) -> Value
    ) async throws -> Response {
        let value: Value
        do throws(ControlError) {
            value = try await operation()
        } catch {
            return try problem(failure(error), error.message)
        }
        return try json(value, status: status)
    }
}
