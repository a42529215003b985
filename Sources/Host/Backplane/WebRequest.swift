public import HTTPTypes
internal import HostCore
public import NIOCore

/// A web request that a program has received and passes on to a plugin through a handle.
public struct WebRequest: Sendable {
    /// Such as `POST`.
    public var method: String
    /// The path, still percent-encoded.
    public var path: String
    /// The query, still percent-encoded, without `?`.
    public var query: String
    /// In the order they came; names in any case.
    public var headers: [(name: String, value: String)]
    /// The body.
    public var body: ByteBuffer
    /// The client's address as a number, without a port; empty: not known.
    public var remoteAddress: String
    /// `http` or `https`; empty: not known.
    public var scheme: String
    /// Who the caller is, as the program has found; empty: nobody asked.
    public var subject: String

    /// A request by its parts.
    public init(
        method: String, path: String, query: String = "",
        headers: [(name: String, value: String)] = [], body: ByteBuffer = ByteBuffer(),
        remoteAddress: String = "", scheme: String = "", subject: String = ""
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        self.scheme = scheme
        self.subject = subject
    }

    /// A request as servers on swift-http-types have it, Hummingbird's among them.
    public init(_ request: HTTPRequest, body: ByteBuffer = ByteBuffer()) {
        let target = (request.path ?? "/").split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var headers = request.headerFields.map { (name: $0.name.canonicalName, value: $0.value) }
        // HTTP/2 has it among its pseudo-fields, HTTP/1.1 among its fields.
        if let host = request.authority { headers.insert(("host", host), at: 0) }
        self.init(
            method: request.method.rawValue, path: String(target[0]),
            query: target.count == 2 ? String(target[1]) : "", headers: headers, body: body,
            scheme: request.scheme ?? "")
    }

    var contentType: String { field("content-type") ?? "" }

    /// What a plugin is told of the request.
    ///
    /// - Parameters:
    ///   - requestID: empty: that of the request, or a new one.
    ///   - shardKey: empty: that of the request.
    func metadata(requestID: String, shardKey: String) -> CallMetadata {
        let ownID = field("x-request-id").flatMap { RequestID.isAcceptable($0) ? $0 : nil }
        return CallMetadata(
            origin: .http, httpMethod: method, path: path, query: query,
            requestID: requestID.isEmpty ? ownID ?? RequestID.make() : requestID,
            shardKey: shardKey.isEmpty ? field("x-serve-shard-key") ?? "" : shardKey,
            headers: headers.map { ($0.name.lowercased(), $0.value) },
            remoteAddress: remoteAddress, scheme: scheme, subject: subject)
    }

    private func field(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}
