package import NIOCore

/// A request on its way from whoever made it to a plugin: its head as it was sent, its body, whole or arriving, and
/// what has become of both. A value: what a stage changes is seen by what is behind it, and by nobody who has kept a
/// copy.
package struct Request: Sendable {
    private var parts: Parts

    /// - Parameters:
    ///   - incoming: the body that is arriving; nil: `body` is there.
    ///   - remoteAddress: of the client; nil for a handle's call.
    ///   - parent: the call on whose behalf a plugin's handle makes this one.
    ///   - originSink: where the response is on its way to.
    package init(
        _ head: any SentHead, origin: CallMetadata.Origin, body: ByteBuffer? = nil,
        incoming: IncomingBody? = nil, remoteAddress: SocketAddress? = nil,
        parent: (any PluginCall)? = nil, originSink: (any OriginSink)? = nil
    ) {
        parts = Parts(
            head, origin: origin, incoming: incoming, remoteAddress: remoteAddress, parent: parent,
            body: body, originSink: originSink)
    }

    /// - Parameter headers: in the order sent.
    package init(
        origin: CallMetadata.Origin, httpMethod: String, path: String, query: String,
        headers: HeaderFields, method: String, contentType: String, shardKey: String,
        body: ByteBuffer? = nil, incoming: IncomingBody? = nil,
        remoteAddress: SocketAddress? = nil, parent: (any PluginCall)? = nil,
        originSink: (any OriginSink)? = nil
    ) {
        let head = Head(
            httpMethod: httpMethod, path: path, query: query, headers: headers, method: method,
            contentType: contentType, shardKey: shardKey)
        self.init(
            head, origin: origin, body: body, incoming: incoming, remoteAddress: remoteAddress,
            parent: parent, originSink: originSink)
    }

    package var origin: CallMetadata.Origin { parts.origin }
    package var remoteAddress: SocketAddress? { parts.remoteAddress }
    /// The call on whose behalf a plugin's handle makes this one; nil: there is none.
    package var parent: (any PluginCall)? { parts.parent }
    /// The body on its way; nil for a request that came whole.
    package var incoming: IncomingBody? { parts.incoming }

    /// As it was sent, or as the stages have left it.
    package var head: any SentHead { parts.changed ?? parts.sent }

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

    package var headers: HeaderFields {
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
    package var deadline: NIODeadline? {
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

    /// Where the response is on its way to; nil: nobody waits for it.
    package var originSink: (any OriginSink)? {
        get { parts.originSink }
        set {
            makeUnique()
            parts.originSink = newValue
        }
    }

    /// Goes on with the request after a wait: on the event loop of its connection, or on Swift's pool. Stages that were
    /// woken by a clock, or had work done on another thread, leave those in this way.
    package func resume(_ body: @escaping @Sendable () -> Void) {
        guard let originSink else {
            Task { body() }
            return
        }
        originSink.onOwnThread(body)
    }

    /// Whether an INLINE method may run on the thread on which the request comes out of the stages.
    package var mayRunInline: Bool {
        get { parts.mayRunInline }
        set {
            makeUnique()
            parts.mayRunInline = newValue
        }
    }

    /// Where it is on its way to; nil around all backends, where that is not known yet.
    package var target: (any CallTarget)? {
        get { parts.target }
        set {
            makeUnique()
            parts.target = newValue
        }
    }

    /// Whether the plugin says that a call to ``method`` which is made again has the effect of one.
    package var isIdempotent: Bool { target?.isIdempotent(method: method) ?? false }

    /// Who the caller is, as the `auth` stage found; empty: nobody asked.
    package var subject: String {
        get { parts.subject }
        set {
            makeUnique()
            parts.subject = newValue
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
        var originSink: (any OriginSink)?
        var mayRunInline = true
        var avoidedReplica: ReplicaID?
        var subject = ""
        var target: (any CallTarget)?

        init(
            _ sent: any SentHead, origin: CallMetadata.Origin, incoming: IncomingBody?,
            remoteAddress: SocketAddress?, parent: (any PluginCall)?, body: ByteBuffer?,
            originSink: (any OriginSink)?
        ) {
            self.sent = sent
            self.origin = origin
            self.incoming = incoming
            self.remoteAddress = remoteAddress
            self.parent = parent
            self.body = body
            self.originSink = originSink
        }

        convenience init(copying other: Parts) {
            self.init(
                other.sent, origin: other.origin, incoming: other.incoming,
                remoteAddress: other.remoteAddress, parent: other.parent, body: other.body,
                originSink: other.originSink)
            changed = other.changed.map(Head.init)
            limit = other.limit
            deadline = other.deadline
            mayRunInline = other.mayRunInline
            avoidedReplica = other.avoidedReplica
            subject = other.subject
            target = other.target
        }
    }
}

/// Where a call is on its way to, once that is known.
package protocol CallTarget: AnyObject, Sendable {
    /// Whether a call to a method which is made again has the effect of one.
    func isIdempotent(method name: String) -> Bool
}

/// A request's head that is a copy: because stages have changed it, or because nobody had an object with it.
private final class Head: SentHead, @unchecked Sendable {
    // Sendable: changed only by the one request that refers to it.
    var httpMethod: String
    var path: String
    var query: String
    var headers: HeaderFields
    var method: String
    var contentType: String
    var shardKey: String

    init(
        httpMethod: String, path: String, query: String, headers: HeaderFields, method: String,
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

extension Request {
    /// Of the URL that the client asked for; empty for a handle's call.
    package var scheme: String { origin == .http ? "http" : "" }
}

/// What a request says beside its body, as it was sent. An object that whoever reads requests has anyway, so that
/// all who see the request see it without a copy.
package protocol SentHead: AnyObject, Sendable {
    var httpMethod: String { get }
    /// Still percent-encoded.
    var path: String { get }
    /// Still percent-encoded, without "?".
    var query: String { get }
    /// In the order sent.
    var headers: HeaderFields { get }
    /// What the fields say of the call.
    var callFields: CallFields { get }
    /// The plugin's method that is called.
    var method: String { get }
    var contentType: String { get }
    var shardKey: String { get }
}

extension SentHead {
    package var callFields: CallFields { CallFields(headers) }
}
