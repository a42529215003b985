public import HTTPTypes
internal import HostCore
public import NIOCore

/// A request on its way in through a stage. A value: what is changed is seen by who is given it.
public struct StageRequest: Sendable {
    /// Method, path with query as it was sent, the client's `Host` as the authority, and the header fields. A handle's
    /// call has what its options say, and its endpoint's name as the path.
    ///
    /// Around all endpoints, routing follows what a stage makes of it. `Content-Type`, `X-SERVE-CALL-METHOD` and
    /// `X-SERVE-SHARD-KEY` do what they would have done had the client sent them so.
    public var head: HTTPRequest
    /// May be on its way still. A stage that does not read it does not wait for it.
    public var body: StageBody { didSet { isBodyReplaced = true } }
    /// The plugin's method that is to be called.
    public var callMethod: String
    /// The request's name, in logs and errors.
    public let requestID: String
    /// The client's; nil for a handle's call.
    public let remoteAddress: SocketAddress?
    /// Whether a handle in this process has made the call.
    public let isHandleCall: Bool

    private let original: Request
    private let originalHead: HTTPRequest
    private var isBodyReplaced = false

    init(_ request: Request, requestID: String) {
        original = request
        let target = request.query.isEmpty ? request.path : "\(request.path)?\(request.query)"
        // HTTPTypes has it in the head.
        let fields = HTTPFields(
            listed: request.headers.all.lazy.filter { $0.name.lowercased() != "host" }
                .map { ($0.name, $0.value) })
        originalHead = HTTPRequest(
            method: HTTPRequest.Method(request.httpMethod) ?? .post, scheme: nil,
            authority: request.headers.first(name: "host"), path: target, headerFields: fields)
        head = originalHead
        if let body = request.body {
            self.body = StageBody(body)
        } else {
            self.body = request.incoming.map { StageBody($0) } ?? StageBody()
        }
        callMethod = request.method
        self.requestID = requestID
        remoteAddress = request.remoteAddress
        isHandleCall = request.origin == .handle
    }

    /// The request as it goes on: as it came, but for what has been changed.
    func passed() async throws -> Request {
        var request = original
        if head.method != originalHead.method { request.httpMethod = head.method.rawValue }
        if head.path != originalHead.path {
            let target = (head.path ?? "/").split(
                separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            request.path = target.first.map(String.init) ?? "/"
            request.query = target.count == 2 ? String(target[1]) : ""
        }
        if head.headerFields != originalHead.headerFields
            || head.authority != originalHead.authority
        {
            changeFields(of: &request)
        }
        if callMethod != original.method {
            request.method = callMethod
            request.headers.replaceOrAdd(name: Self.methodHeader, value: callMethod)
        }
        if isBodyReplaced {
            let body = try await body.collect()
            request.body = body
            if request.headers.contains(name: "content-length") {
                request.headers.replaceOrAdd(
                    name: "content-length", value: "\(body.readableBytes)")
            }
        }
        return request
    }

    private func changeFields(of request: inout Request) {
        let host = head.authority.map { [("host", $0)] } ?? []
        request.headers = HeaderFields(host + head.headerFields.map { ($0.name.rawName, $0.value) })
        // What the host has read from the fields already.
        func changed(_ name: String) -> String?? {
            let value = head.headerFields[HTTPField.Name(name)!]
            return value == originalHead.headerFields[HTTPField.Name(name)!] ? nil : .some(value)
        }
        if let type = changed("content-type") { request.contentType = type ?? "" }
        if let key = changed("x-serve-shard-key") { request.shardKey = key ?? "" }
        if let method = changed(Self.methodHeader) {
            request.method = method ?? CallMetadata.defaultMethod
        }
    }

    private static let methodHeader = "x-serve-call-method"
}
