internal import Foundation
internal import HostPlugins
public import NIOCore
internal import NIOFoundationCompat

/// A plugin's whole answer to a call.
public struct Answer: Sendable {
    /// As the plugin gave it; empty when it gave none.
    public let contentType: String
    /// The headers beside the content type that the plugin gave.
    public let headers: [(name: String, value: String)]
    /// The body, without a copy.
    public let body: ByteBuffer

    init(_ response: PluginResponse) {
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
    /// - Throws: ``CallError`` with the code ``CallError/Code/unexpectedAnswer``.
    public func json<Value: Decodable>(
        _ type: Value.Type = Value.self
    ) throws(CallError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw CallError(
                .unexpectedAnswer, "the answer is no JSON of a \(type): \(error)", cause: error)
        }
    }
}
