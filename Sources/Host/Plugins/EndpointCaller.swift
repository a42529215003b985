/// The way from a plugin to the other endpoints of its host. What is behind it is above this room.
package protocol EndpointCaller: Sendable {
    func hasEndpoint(named name: String) -> Bool

    /// Whether the current thread may be kept waiting: no event loop, and none of Swift's pool.
    var isOnWaitingThread: Bool { get }

    /// Begins a call.
    ///
    /// - Parameter onAnswer: called once, from any thread, also before this returns.
    func begin(
        _ request: HandleRequest,
        onAnswer: @escaping @Sendable (Result<PluginResponse, PluginFailure>) -> Void)
}
