import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Calls a host over HTTP, with a client that the project did not write.
package struct HTTPTestClient: Sendable {
    /// Scheme and host, as they stand before the path.
    private let origin: String

    /// With as many connections as a test has calls; the shared client has eight to a host.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    package init(port: Int) {
        origin = "http://127.0.0.1:\(port)"
    }

    /// For a host's admin socket.
    package init(socket: String) {
        let path = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socket
        origin = "http+unix://\(path)"
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
        var request = HTTPClientRequest(url: "\(origin)\(path)")
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if !bytes.isEmpty { request.body = .bytes(bytes) }
        let response = try await Self.client.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 64 << 20)
        return Response(
            status: Int(response.status.code),
            headers: Dictionary(
                response.headers.map { ($0.name.lowercased(), $0.value) },
                uniquingKeysWith: { "\($0), \($1)" }),
            body: Array(body.readableBytesView))
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
