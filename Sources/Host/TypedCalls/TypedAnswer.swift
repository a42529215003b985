package import NIOCore

/// What a typed call answers.
package struct TypedAnswer: Sendable {
    package var body: ByteBuffer
    /// Empty for an empty answer.
    package var contentType: String

    package init(body: ByteBuffer, contentType: String) {
        self.body = body
        self.contentType = contentType
    }
}
