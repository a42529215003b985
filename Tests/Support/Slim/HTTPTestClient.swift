import Foundation
internal import NIOCore
import NIOHTTP1
import NIOPosix

/// Calls a host over HTTP, in the slim package: NIO's own client codec, a connection for each call. The whole package
/// has a client that the project did not write in its place.
package struct HTTPTestClient: Sendable {
    /// Of its own: the host's stages run on NIO's shared loops, and some of the tests' block there.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private let port: Int

    package init(port: Int) {
        self.port = port
    }

    package struct Response: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: [UInt8]

        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    package func send(
        _ method: String = "POST", _ path: String, headers: [String: String] = [:],
        body: String = ""
    ) async throws -> Response {
        try await send(method, path, headers: headers, bytes: Array(body.utf8))
    }

    package func send(
        _ method: String = "POST", _ path: String, headers: [String: String] = [:], bytes: [UInt8]
    ) async throws -> Response {
        let channel = try await ClientBootstrap(group: Self.group)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: method), uri: path)
        head.headers.add(name: "host", value: "127.0.0.1:\(port)")
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if !bytes.isEmpty || method == "POST" {
            head.headers.replaceOrAdd(name: "content-length", value: "\(bytes.count)")
        }
        return try await channel.executeThenClose { [head] inbound, outbound in
            try await outbound.write(.head(head))
            if !bytes.isEmpty {
                try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
            }
            try await outbound.write(.end(nil))
            return try await Self.answer(from: inbound)
        }
    }

    private static func answer(
        from inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>
    ) async throws -> Response {
        var answer = Response(status: 0, headers: [:], body: [])
        for try await part in inbound {
            switch part {
            case .head(let head):
                answer.status = Int(head.status.code)
                answer.headers = Dictionary(
                    head.headers.map { ($0.name.lowercased(), $0.value) },
                    uniquingKeysWith: { "\($0), \($1)" })
            case .body(let bytes): answer.body += bytes.readableBytesView
            case .end: return answer
            }
        }
        throw ChannelError.eof
    }

    /// Calls a method of an endpoint.
    package func call(
        _ endpoint: String, _ method: String? = nil, _ body: String = "",
        headers: [String: String] = [:]
    ) async throws -> Response {
        var headers = headers
        if let method { headers["X-SERVE-CALL-METHOD"] = method }
        return try await send("POST", "/\(endpoint)", headers: headers, body: body)
    }
}
