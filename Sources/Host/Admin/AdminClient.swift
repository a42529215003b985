internal import AsyncHTTPClient
internal import Foundation
internal import HostCore
package import HostDeployment
package import HostRouting
package import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1

/// Asks a running host, through its admin socket or over TCP.
package struct AdminClient: Sendable {
    private let place: AdminPlace

    /// Not `HTTPClient.shared`, which tries to reach a host that isn't there for as long as the request may take.
    /// Like it, never shut down.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        // A token goes to nobody but the one it was meant for.
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// - Parameter socket: the path of the host's admin socket.
    package init(socket: String) {
        place = .socket(socket)
    }

    /// - Parameters:
    ///   - url: where the host serves the admin API over TCP: `http://127.0.0.1:9000`, or `https` of what stands in
    ///     front of it.
    ///   - token: what the host's token file has.
    /// - Throws: ``AdminError`` when the URL has more than a scheme, a host and a port.
    package init(url: String, token: String) throws(AdminError) {
        place = try .tcp(url: url, token: token)
    }

    /// A plugin's response to a call.
    package struct Response: Sendable {
        package var contentType: String
        package var body: ByteBuffer
    }

    /// The plugins, and the same as the JSON that the host sent.
    ///
    /// - Throws: ``AdminError``.
    package func list() async throws(AdminError) -> (plugins: [PluginStatus], json: String) {
        let response = try await send(.GET, AdminAPI.plugins, timeout: .seconds(10))
        return (try decode(response), String(buffer: response.body))
    }

    /// The methods of a plugin, and the same as the JSON that the host sent.
    ///
    /// - Throws: ``AdminError``.
    package func methods(
        of plugin: String
    ) async throws(AdminError) -> (methods: [MethodInterface], json: String) {
        let response = try await send(.GET, AdminAPI.methods(plugin), timeout: .seconds(10))
        return (try decode(response), String(buffer: response.body))
    }

    /// - Throws: ``AdminError``.
    package func reload(_ plugin: String) async throws(AdminError) -> PluginStatus {
        // As long as a plugin's lifecycle functions and its last calls may take.
        try decode(await send(.POST, AdminAPI.reload(plugin), timeout: .seconds(300)))
    }

    /// - Parameter replica: the replica's index; nil: all.
    /// - Throws: ``AdminError``.
    package func restart(_ plugin: String, replica: Int?) async throws(AdminError) -> PluginStatus {
        try decode(
            await send(.POST, AdminAPI.restart(plugin, replica: replica), timeout: .seconds(300)))
    }

    /// - Throws: ``AdminError``.
    package func call(
        _ endpoint: String, method: String?, body: ByteBuffer, contentType: String?,
        timeoutSeconds: Double?
    ) async throws(AdminError) -> Response {
        var headers: [(String, String)] = []
        if let method { headers.append((AdminAPI.methodHeader, method)) }
        if let contentType { headers.append(("content-type", contentType)) }
        if let timeoutSeconds { headers.append((AdminAPI.timeoutHeader, "\(timeoutSeconds)")) }
        return try await send(
            .POST, AdminAPI.call(endpoint), headers: headers, body: body, timeout: .hours(24))
    }

    func send(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [],
        body: ByteBuffer? = nil, timeout: TimeAmount
    ) async throws(AdminError) -> Response {
        var request = HTTPClientRequest(url: try place.url(path))
        if let authorization = place.authorization {
            request.headers.add(name: "authorization", value: authorization)
        }
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let (status, response): (Int, Response)
        do {
            let received = try await Self.http.execute(request, timeout: timeout)
            status = Int(received.status.code)
            response = Response(
                contentType: received.headers.first(name: "content-type") ?? "",
                body: try await received.body.collect(upTo: AdminAPI.maxBodySize))
        } catch {
            throw failure(error)
        }
        // Also what would lead elsewhere: no host answers that, but what stands before it may.
        guard status < 300 else { throw refusal(status, response) }
        return response
    }

    private func failure(_ error: any Error) -> AdminError {
        if let errno = (error as? IOError)?.errnoCode, errno == ENOENT || errno == ECONNREFUSED {
            return AdminError(
                code: .notRunning,
                message: "no host is running with \(place); start one with `backplane serve`, "
                    + "or \(place.advice)",
                cause: error)
        }
        let reason =
            (error as? HTTPClientError)?.shortDescription ?? SystemError.reason(of: error)
        return AdminError(
            code: .noResponse, message: "the host with \(place) gave no response: \(reason)",
            cause: error)
    }

    private func refusal(_ status: Int, _ response: Response) -> AdminError {
        let problem = try? JSONDecoder().decode(AdminProblem.self, from: response.body)
        return AdminError(
            code: .refused(status: status),
            message: problem?.detail
                ?? "the host answered \(status): \(String(buffer: response.body))")
    }

    func decode<Value: Decodable>(_ response: Response) throws(AdminError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: response.body)
        } catch {
            throw AdminError(
                code: .protocolViolation,
                message:
                    "the host's response can't be read; is it another version than this command?",
                cause: error)
        }
    }
}
