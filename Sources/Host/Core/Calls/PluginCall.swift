package import NIOCore

/// The side of a call that a plugin can see and touch.
///
/// The plugin may hold the call on any thread, so everything here may be used from any thread. Until ``finish(_:)``
/// has been called the plugin borrows ``argument``; it must not change in that time.
package protocol PluginCall: AnyObject, Sendable {
    /// The request's body.
    var argument: ByteBuffer { get }

    /// The content type of ``argument`` as sent, empty when none was.
    var contentType: String { get }

    /// When nobody waits for the response any more.
    var deadline: NIODeadline? { get }

    /// Whether nobody waits for the response: the caller went away, or the deadline passed.
    var isAbandoned: Bool { get }

    /// The id of the request that the call belongs to, taken from the caller or made; never empty.
    var requestID: String { get }

    /// The object that came with the call as it is.
    var native: NativeObject? { get }

    /// What else is known of the call. Made anew at each use.
    func makeMetadata() -> CallMetadata

    /// Sends a part of a streamed response, and blocks the calling thread while the caller is slow to read it.
    ///
    /// - Returns: whether the caller still wants more.
    func send(_ part: CallResponse) -> Bool

    /// Takes the plugin's response. Called exactly once for each call that a plugin was given.
    func finish(_ result: Result<CallResponse, CallFailure>)
}
