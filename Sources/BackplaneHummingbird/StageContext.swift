public import Hummingbird
public import Logging
public import NIOCore

/// The context of a request that passes Hummingbird's middleware in a host's chain.
public struct StageContext: RequestContext, RemoteAddressRequestContext {
    /// What a context is made of.
    public struct Source: RequestContextSource {
        /// Has the request's id, where Hummingbird looks for it.
        public let logger: Logger
        /// The client's; nil for a handle's call.
        public let remoteAddress: SocketAddress?
    }

    /// Hummingbird's own part.
    public var coreContext: CoreRequestContextStorage
    /// The client's; nil for a handle's call.
    public let remoteAddress: SocketAddress?

    /// A context for one request.
    public init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.remoteAddress
    }
}
