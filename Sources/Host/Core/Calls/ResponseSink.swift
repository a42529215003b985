/// Whoever made a call and waits for its response: a face's exchange, a handle, or a stage in front of one of them.
///
/// A response comes whole (``receive(_:)`` alone) or streamed: the first part has its head, then come the others, and
/// ``receive(_:)`` ends it with the last part and its trailers, or resets it with the reason. Who brings it is slowed
/// down: by ``receive(part:)``, which blocks, or by `whenThereIsRoom` of the ``OriginSink`` at the end.
///
/// The functions are called from any thread, also from the one that submits the call, before `submit` returns. Those
/// that bring the response may overlap: a plugin may write from several threads, and a deadline ends what it writes.
package protocol ResponseSink: AnyObject, Sendable {
    /// The id of the request, taken from the caller or made; never empty.
    var requestID: String { get }

    /// Gives the request another id, before anybody has asked for it.
    func rename(requestID: String)

    /// What the plugin may ask of the call beside its argument.
    func makeMetadata() -> CallMetadata

    /// Takes a part of a streamed response; blocks the calling thread while there is no room for it.
    ///
    /// - Returns: whether the caller still wants more.
    func receive(part: CallResponse) -> Bool

    /// Takes the response, exactly once. After streamed parts it is the last one, or why the stream breaks off.
    func receive(_ result: consuming Result<CallResponse, DispatchError>)
}

/// Whoever a shadow answers to: nobody. The response is thrown away, and so is each part of a streamed one, at once.
package final class ShadowSink: ResponseSink {
    private let metadata: CallMetadata
    /// Whatever counts the bytes of the argument, which the shadow may hold longer than the original call.
    private let argumentHold: (any AnyObject & Sendable)?

    /// - Parameter metadata: that of the original call. Taken now: its caller may have gone when the shadow asks, and
    ///   to keep that one would keep its response.
    package init(metadata: CallMetadata, argumentHold: (any AnyObject & Sendable)? = nil) {
        self.metadata = metadata
        self.argumentHold = argumentHold
    }

    package var requestID: String { metadata.requestID }

    /// A shadow keeps the id of the original.
    package func rename(requestID: String) {}

    package func makeMetadata() -> CallMetadata { metadata }

    package func receive(part: CallResponse) -> Bool { true }

    package func receive(_ result: Result<CallResponse, DispatchError>) {}
}
