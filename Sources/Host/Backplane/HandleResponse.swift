internal import HostDispatch

/// The response to come of a call that a handle has begun. Drop it, and the call runs on without anybody waiting.
///
/// Take the response whole (``response()``, ``json(_:)``, ``text()``, ``bytes()``) or part by part (``stream()``), and
/// not both. Cancelling a task that waits cancels the call.
public final class HandleResponse: Sendable {
    private let call: HandleCall

    init(_ call: HandleCall) {
        self.call = call
    }

    deinit {
        call.discard()
    }

    /// Takes the call back: it leaves the queue, or a plugin that is at work on it is told that nobody waits.
    public func cancel() {
        call.cancel()
    }

    /// Waits for the whole response; the parts of a streamed one are put together, up to 1 GiB.
    ///
    /// - Throws: ``CallError``.
    public func response() async throws(CallError) -> Response {
        switch await call.response() {
        case .success(let response): return Response(response)
        case .failure(let error): throw CallError(error)
        }
    }

    /// Waits for the whole response and decodes its JSON.
    ///
    /// - Throws: ``CallError``; with the code ``CallError/Code/unexpectedResponse`` when the response is no such JSON.
    public func json<Value: Decodable>(
        _ type: Value.Type = Value.self
    ) async throws(CallError) -> Value {
        try await response().json(type)
    }

    /// Waits for the whole response as a text; what is not UTF-8 in it is replaced.
    ///
    /// - Throws: ``CallError``.
    public func text() async throws(CallError) -> String { try await response().text }

    /// Waits for the bytes of the whole response.
    ///
    /// - Throws: ``CallError``.
    public func bytes() async throws(CallError) -> [UInt8] { try await response().bytes }

    /// Waits for the answer to begin, and goes on with it part by part as the plugin writes them. A plugin that is
    /// faster than the reader waits. Leaving the loop early ends the call.
    ///
    /// - Throws: ``CallError`` when the call fails before its first part.
    public func stream() async throws(CallError) -> ResponseStream {
        switch await call.nextPart() {
        case .success(let first?): return ResponseStream(call, first: first)
        case .success(nil): preconditionFailure("the stream of a call was asked for twice")
        case .failure(let error): throw CallError(error)
        }
    }
}
