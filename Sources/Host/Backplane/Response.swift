internal import Foundation
internal import HostCore
public import NIOCore
internal import NIOFoundationCompat

/// A plugin's whole response to a call.
public struct Response: Sendable {
    /// The HTTP status that the plugin chose, 200 to 399; from 400 on it is a ``CallError``.
    public let httpStatus: Int
    /// As the plugin gave it; empty when it gave none.
    public let contentType: String
    /// The headers beside the content type that the plugin gave.
    public let headers: [(name: String, value: String)]
    /// The body, without a copy.
    public let body: ByteBuffer

    init(_ response: CallResponse) {
        httpStatus = response.status
        contentType = response.contentType
        headers = response.headers
        body = response.body
    }

    /// The body.
    public var bytes: [UInt8] { Array(body.readableBytesView) }

    /// The body as a text; what is not UTF-8 in it is replaced.
    public var text: String { String(buffer: body) }

    /// The body, which is JSON, as a value.
    ///
    /// - Throws: ``CallError`` with the code ``CallError/Code/unexpectedResponse``.
    public func json<Value: Decodable>(
        _ type: Value.Type = Value.self
    ) throws(CallError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw CallError(
                .unexpectedResponse, "the answer is no JSON of a \(type): \(error)", cause: error)
        }
    }
}
