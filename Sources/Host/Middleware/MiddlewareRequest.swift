package import HostDispatch
package import HostPlugins
package import NIOCore
package import NIOHTTP1

/// A request on its way through a chain. A value: what a stage changes is seen by the stages behind it, and by nobody
/// who has kept a copy.
package struct MiddlewareRequest: Sendable {
    private var parts: Parts

    /// - Parameters:
    ///   - headers: in the order sent.
    ///   - incoming: the body that is arriving; nil: `body` is there.
    ///   - remoteAddress: of the client; nil for a handle's call.
    ///   - parent: the call on whose behalf a plugin's handle makes this one.
    package init(
        origin: CallMetadata.Origin, httpMethod: String, path: String, query: String,
        headers: HTTPHeaders, method: String, contentType: String, shardKey: String,
        body: ByteBuffer? = nil, incoming: IncomingBody? = nil,
        remoteAddress: SocketAddress? = nil, parent: (any PluginCall)? = nil
    ) {
        parts = Parts(
            origin: origin, incoming: incoming, remoteAddress: remoteAddress, parent: parent,
            head: Head(
                httpMethod: httpMethod, path: path, query: query, headers: headers,
                method: method, contentType: contentType, shardKey: shardKey),
            body: body)
    }

    package var origin: CallMetadata.Origin { parts.origin }
    package var remoteAddress: SocketAddress? { parts.remoteAddress }
    /// The call on whose behalf a plugin's handle makes this one; nil: there is none.
    package var parent: (any PluginCall)? { parts.parent }
    /// The body on its way; nil for a request that came whole.
    package var incoming: IncomingBody? { parts.incoming }

    package var httpMethod: String {
        get { parts.head.httpMethod }
        set { change { $0.httpMethod = newValue } }
    }

    /// Still percent-encoded.
    package var path: String {
        get { parts.head.path }
        set { change { $0.path = newValue } }
    }

    /// Still percent-encoded, without "?".
    package var query: String {
        get { parts.head.query }
        set { change { $0.query = newValue } }
    }

    package var headers: HTTPHeaders {
        get { parts.head.headers }
        set { change { $0.headers = newValue } }
    }

    /// The plugin's method that is called. The host's chain has it from the headers, in which it may be changed; a
    /// backend's chain changes it here. So for the two that follow.
    package var method: String {
        get { parts.head.method }
        set { change { $0.method = newValue } }
    }

    package var contentType: String {
        get { parts.head.contentType }
        set { change { $0.contentType = newValue } }
    }

    package var shardKey: String {
        get { parts.head.shardKey }
        set { change { $0.shardKey = newValue } }
    }

    /// nil until all of it is there; a stage that reads bodies finds it.
    package var body: ByteBuffer? {
        get { parts.body }
        set {
            makeUnique()
            parts.body = newValue
        }
    }

    /// When the call ends at the latest. A stage may make it earlier, never later.
    package var limit: NIODeadline? { parts.limit }

    /// When the call ends as its backend and its caller have it, without ``limit``; nil: never, or not known yet, as
    /// around all backends.
    package internal(set) var deadline: NIODeadline? {
        get { parts.deadline }
        set {
            makeUnique()
            parts.deadline = newValue
        }
    }

    package mutating func shorten(to limit: NIODeadline) {
        makeUnique()
        parts.limit = min(parts.limit ?? limit, limit)
    }

    /// Where the answer is on its way to; nil: nobody waits for it.
    package var finalCaller: (any FinalCaller)? {
        get { parts.finalCaller }
        set {
            makeUnique()
            parts.finalCaller = newValue
        }
    }

    /// Whether an INLINE method may run on the thread on which the request comes out of the stages.
    package var mayRunInline: Bool {
        get { parts.mayRunInline }
        set {
            makeUnique()
            parts.mayRunInline = newValue
        }
    }

    /// A replica that is not to get the call if another one is free: it has failed at the request.
    package var avoidedReplica: ReplicaID? {
        get { parts.avoidedReplica }
        set {
            makeUnique()
            parts.avoidedReplica = newValue
        }
    }

    /// Whether a stage has changed more than the body.
    package var isHeadChanged: Bool { parts.isHeadChanged }

    private mutating func change(_ body: (inout Head) -> Void) {
        makeUnique()
        parts.isHeadChanged = true
        body(&parts.head)
    }

    private mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&parts) { parts = Parts(copying: parts) }
    }

    private struct Head {
        var httpMethod: String
        var path: String
        var query: String
        var headers: HTTPHeaders
        var method: String
        var contentType: String
        var shardKey: String
    }

    /// One object, so that a request that goes from stage to stage costs one reference.
    private final class Parts: @unchecked Sendable {
        // Sendable: changed only by the one request that refers to it.
        let origin: CallMetadata.Origin
        let incoming: IncomingBody?
        let remoteAddress: SocketAddress?
        let parent: (any PluginCall)?
        var head: Head
        var body: ByteBuffer?
        var limit: NIODeadline?
        var deadline: NIODeadline?
        var finalCaller: (any FinalCaller)?
        var mayRunInline = true
        var isHeadChanged = false
        var avoidedReplica: ReplicaID?

        init(
            origin: CallMetadata.Origin, incoming: IncomingBody?, remoteAddress: SocketAddress?,
            parent: (any PluginCall)?, head: Head, body: ByteBuffer?
        ) {
            self.origin = origin
            self.incoming = incoming
            self.remoteAddress = remoteAddress
            self.parent = parent
            self.head = head
            self.body = body
        }

        convenience init(copying other: Parts) {
            self.init(
                origin: other.origin, incoming: other.incoming,
                remoteAddress: other.remoteAddress, parent: other.parent, head: other.head,
                body: other.body)
            limit = other.limit
            deadline = other.deadline
            finalCaller = other.finalCaller
            mayRunInline = other.mayRunInline
            isHeadChanged = other.isHeadChanged
            avoidedReplica = other.avoidedReplica
        }
    }
}
