package import NIOCore

/// What the plugin room needs to know of a call: the side of it that a plugin can see and touch.
///
/// The plugin may hold the call on any thread, so everything here may be used from any thread. Until ``finish(_:)``
/// has been called the plugin borrows ``argument``; it must not change in that time.
package protocol PluginCall: AnyObject, Sendable {
    /// The request's body.
    var argument: ByteBuffer { get }

    /// The content type of ``argument`` as sent, empty when none was.
    var contentType: String { get }

    /// When nobody waits for the answer any more.
    var deadline: NIODeadline? { get }

    /// Whether nobody waits for the answer: the caller went away, or the deadline passed.
    var isAbandoned: Bool { get }

    /// The id of the request that the call belongs to, taken from the caller or made; never empty.
    var requestID: String { get }

    /// The object that came with the call as it is.
    var native: NativeObject? { get }

    /// What else is known of the call. Made anew at each use; the plugin room asks once per call at most.
    func makeMetadata() -> CallMetadata

    /// Sends a part of a streamed response, and blocks the calling thread while the caller is slow to read it.
    ///
    /// - Returns: whether the caller still wants more.
    func send(_ part: PluginResponse) -> Bool

    /// Takes the plugin's answer. The plugin room calls this exactly once for each call that it was given.
    func finish(_ result: Result<PluginResponse, PluginFailure>)
}

/// Where a call came from, and the parts of an HTTP request beside its body.
package struct CallMetadata: Sendable {
    package enum Origin: Sendable {
        case http
        case handle
    }

    package var origin: Origin
    package var httpMethod: String
    package var path: String
    package var query: String
    package var requestID: String
    package var shardKey: String
    /// In the order sent, names in lower case.
    package var headers: [(name: String, value: String)]

    package init(
        origin: Origin, httpMethod: String = "", path: String = "", query: String = "",
        requestID: String, shardKey: String = "", headers: [(name: String, value: String)] = []
    ) {
        self.origin = origin
        self.httpMethod = httpMethod
        self.path = path
        self.query = query
        self.requestID = requestID
        self.shardKey = shardKey
        self.headers = headers
    }
}

/// A plugin's successful answer, or a part of a streamed one; or the answer of a middleware stage in its place.
package struct PluginResponse: Sendable {
    /// The HTTP status: 200, unless a stage answers.
    package var status: Int
    package var body: ByteBuffer
    /// Empty: `application/octet-stream`.
    package var contentType: String
    package var headers: [(name: String, value: String)]

    package init(
        status: Int = 200, body: ByteBuffer, contentType: String,
        headers: [(name: String, value: String)] = []
    ) {
        self.status = status
        self.body = body
        self.contentType = contentType
        self.headers = headers
    }
}

/// A plugin's answer other than success.
package struct PluginFailure: Error, Sendable {
    package var status: StatusCode
    package var message: String

    package init(_ status: StatusCode, _ message: String) {
        self.status = status
        self.message = message
    }
}
