package import HostDispatch
package import HostPlugins
package import NIOCore
package import NIOHTTP1

/// A request on its way through a chain. A value: what a stage changes is seen by the stages behind it, and by nobody
/// who has kept a copy.
package struct MiddlewareRequest: Sendable {
    private var parts: Parts

    /// - Parameters:
    ///   - incoming: the body that is arriving; nil: `body` is there.
    ///   - remoteAddress: of the client; nil for a handle's call.
    ///   - parent: the call on whose behalf a plugin's handle makes this one.
    ///   - finalCaller: where the answer is on its way to.
    package init(
        _ head: any SentHead, origin: CallMetadata.Origin, body: ByteBuffer? = nil,
        incoming: IncomingBody? = nil, remoteAddress: SocketAddress? = nil,
        parent: (any PluginCall)? = nil, finalCaller: (any FinalCaller)? = nil
    ) {
        parts = Parts(
            head, origin: origin, incoming: incoming, remoteAddress: remoteAddress, parent: parent,
            body: body, finalCaller: finalCaller)
    }

    /// - Parameter headers: in the order sent.
    package init(
        origin: CallMetadata.Origin, httpMethod: String, path: String, query: String,
        headers: HTTPHeaders, method: String, contentType: String, shardKey: String,
        body: ByteBuffer? = nil, incoming: IncomingBody? = nil,
        remoteAddress: SocketAddress? = nil, parent: (any PluginCall)? = nil,
        finalCaller: (any FinalCaller)? = nil
    ) {
        let head = Head(
            httpMethod: httpMethod, path: path, query: query, headers: headers, method: method,
            contentType: contentType, shardKey: shardKey)
        self.init(
            head, origin: origin, body: body, incoming: incoming, remoteAddress: remoteAddress,
            parent: parent, finalCaller: finalCaller)
    }

    package var origin: CallMetadata.Origin { parts.origin }
    package var remoteAddress: SocketAddress? { parts.remoteAddress }
    /// The call on whose behalf a plugin's handle makes this one; nil: there is none.
    package var parent: (any PluginCall)? { parts.parent }
    /// The body on its way; nil for a request that came whole.
    package var incoming: IncomingBody? { parts.incoming }

    package var httpMethod: String {
        get { parts.changed?.httpMethod ?? parts.sent.httpMethod }
        set { change { $0.httpMethod = newValue } }
    }

    /// Still percent-encoded.
    package var path: String {
        get { parts.changed?.path ?? parts.sent.path }
        set { change { $0.path = newValue } }
    }

    /// Still percent-encoded, without "?".
    package var query: String {
        get { parts.changed?.query ?? parts.sent.query }
        set { change { $0.query = newValue } }
    }

    package var headers: HTTPHeaders {
        get { parts.changed?.headers ?? parts.sent.headers }
        set { change { $0.headers = newValue } }
    }

    /// The plugin's method that is called. The host's chain has it from the headers, in which it may be changed; a
    /// backend's chain changes it here. So for the two that follow.
    package var method: String {
        get { parts.changed?.method ?? parts.sent.method }
        set { change { $0.method = newValue } }
    }

    package var contentType: String {
        get { parts.changed?.contentType ?? parts.sent.contentType }
        set { change { $0.contentType = newValue } }
    }

    package var shardKey: String {
        get { parts.changed?.shardKey ?? parts.sent.shardKey }
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

    /// In bytes; nil until all of it is there.
    package var bodySize: Int? { parts.body?.readableBytes }

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
    package var isHeadChanged: Bool { parts.changed != nil }

    private mutating func change(_ body: (Head) -> Void) {
        makeUnique()
        let changed = parts.changed ?? Head(parts.sent)
        parts.changed = changed
        body(changed)
    }

    private mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&parts) { parts = Parts(copying: parts) }
    }

    /// One object, so that a request that goes from stage to stage costs one reference.
    private final class Parts: @unchecked Sendable {
        // Sendable: changed only by the one request that refers to it.
        let sent: any SentHead
        /// What has become of it, if a stage has changed it. Nobody else refers to it.
        var changed: Head?
        let origin: CallMetadata.Origin
        let incoming: IncomingBody?
        let remoteAddress: SocketAddress?
        let parent: (any PluginCall)?
        var body: ByteBuffer?
        var limit: NIODeadline?
        var deadline: NIODeadline?
        var finalCaller: (any FinalCaller)?
        var mayRunInline = true
        var avoidedReplica: ReplicaID?

        init(
            _ sent: any SentHead, origin: CallMetadata.Origin, incoming: IncomingBody?,
            remoteAddress: SocketAddress?, parent: (any PluginCall)?, body: ByteBuffer?,
            finalCaller: (any FinalCaller)?
        ) {
            self.sent = sent
            self.origin = origin
            self.incoming = incoming
            self.remoteAddress = remoteAddress
            self.parent = parent
            self.body = body
            self.finalCaller = finalCaller
        }

        convenience init(copying other: Parts) {
            self.init(
                other.sent, origin: other.origin, incoming: other.incoming,
                remoteAddress: other.remoteAddress, parent: other.parent, body: other.body,
                finalCaller: other.finalCaller)
            changed = other.changed.map(Head.init)
            limit = other.limit
            deadline = other.deadline
            mayRunInline = other.mayRunInline
            avoidedReplica = other.avoidedReplica
        }
    }
}

/// A request's head that is a copy: because stages have changed it, or because nobody had an object with it.
private final class Head: SentHead, @unchecked Sendable {
    // Sendable: changed only by the one request that refers to it.
    var httpMethod: String
    var path: String
    var query: String
    var headers: HTTPHeaders
    var method: String
    var contentType: String
    var shardKey: String

    init(
        httpMethod: String, path: String, query: String, headers: HTTPHeaders, method: String,
        contentType: String, shardKey: String
    ) {
        self.httpMethod = httpMethod
        self.path = path
        self.query = query
        self.headers = headers
        self.method = method
        self.contentType = contentType
        self.shardKey = shardKey
    }

    convenience init(_ other: some SentHead) {
        self.init(
            httpMethod: other.httpMethod, path: other.path, query: other.query,
            headers: other.headers, method: other.method, contentType: other.contentType,
            shardKey: other.shardKey)
    }
}
