internal import Foundation
internal import HTTPTypes
internal import HostConfigurationFiles
internal import HostCore
internal import HostDeployment
internal import HostForms
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1

/// The forms of the admin API's responses.
enum AdminResponses {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response
    {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: try bytes(of: value)))
    }

    private static func bytes(of value: some Encodable) throws -> ByteBuffer {
        // JSONEncoder would make 1 of the 1.0 in somebody's configuration.
        switch value {
        case let status as BackendStatus: return ByteBuffer(string: try json(of: status).text)
        case let statuses as [BackendStatus]:
            return ByteBuffer(string: JSONValue.array(try statuses.map(json(of:))).text)
        default:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return ByteBuffer(bytes: try encoder.encode(value))
        }
    }

    private static func json(of status: BackendStatus) throws -> JSONValue {
        let encoded = try JSONValue(parsing: try JSONEncoder().encode(status))
        guard case .object(var members) = encoded else { return encoded }
        members["config"] = status.config.json
        return .object(members)
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
