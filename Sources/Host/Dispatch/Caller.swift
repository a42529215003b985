package import HostPlugins

/// Whoever made a call and waits for its answer: an HTTP exchange, or a handle.
///
/// The functions are called from any thread, also from the one that submits the call, before `submit` returns.
package protocol Caller: AnyObject, Sendable {
    /// The id of the request, taken from the caller or made; never empty.
    var requestID: String { get }

    /// Gives the request another id, before anybody has asked for it.
    func rename(requestID: String)

    /// What the plugin may ask of the call beside its argument.
    func makeMetadata() -> CallMetadata

    /// Takes a part of a streamed answer; blocks the calling thread while there is no room for it.
    ///
    /// - Returns: whether the caller still wants more.
    func receive(part: PluginResponse) -> Bool

    /// Takes the answer, exactly once. After streamed parts it is the last one, or why the stream breaks off.
    func receive(_ result: consuming Result<PluginResponse, DispatchError>)
}
