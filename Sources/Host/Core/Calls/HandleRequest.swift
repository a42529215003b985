package import NIOCore

/// What a handle asks of an endpoint, be it a plugin's handle or one of the program that runs the host.
package struct HandleRequest: Sendable {
    package var endpoint: String
    /// Whether the call waits, until its deadline, for an endpoint that is not there yet.
    package var waitsForEndpoint = false
    package var method = CallMetadata.defaultMethod
    package var argument = ByteBuffer()
    package var contentType = ""
    package var httpMethod = "POST"
    /// Percent-encoded, without "?".
    package var query = ""
    /// In the order sent, names in lower case.
    package var headers: [(name: String, value: String)] = []
    package var shardKey = ""
    /// Empty: the parent's, or a new one.
    package var requestID = ""
    /// Shortens the backend's `request_timeout`, never extends it.
    package var timeout: Duration?
    package var native: NativeObject?
    /// A web request that is passed on as it came: what the plugin is told, in place of the members above.
    package var forwarded: CallMetadata?
    /// The call on whose behalf this one is made: it ends with that one's deadline, and when that one's caller goes
    /// away.
    package var parent: (any PluginCall)?
    /// Whether an INLINE method may run on the thread that begins the call.
    package var mayRunInline = true

    package init(endpoint: String) {
        self.endpoint = endpoint
    }

    /// The shard key that the plugin is told; empty: none.
    package var shardKeyAsTold: String { forwarded?.shardKey ?? shardKey }
}

/// The way from a plugin to the other endpoints of its host. What is behind it is above this module.
package protocol EndpointCaller: Sendable {
    func hasEndpoint(named name: String) -> Bool

    /// Whether the current thread may be kept waiting: no event loop, and none of Swift's pool.
    var isOnWaitingThread: Bool { get }

    /// Begins a call.
    ///
    /// - Parameter onResponse: called once, from any thread, also before this returns.
    func begin(
        _ request: HandleRequest,
        onResponse: @escaping @Sendable (Result<CallResponse, CallFailure>) -> Void)
}
