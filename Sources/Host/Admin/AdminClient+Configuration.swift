internal import Foundation
package import HostControl
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1

/// Backends, endpoints, traffic, and the file that declares them. Each function throws ``AdminError``.
extension AdminClient {
    /// As long as writing a change down may take.
    private static let timeout: TimeAmount = .seconds(30)

    // MARK: Backends

    package func backends() async throws(AdminError) -> [BackendStatus] {
        try decode(await send(.GET, AdminAPI.backends, timeout: Self.timeout))
    }

    package func createBackend(
        _ tag: String, plugin: String, config: BackendOptions?
    ) async throws(AdminError) -> BackendStatus {
        let asked = AdminRequests.CreateBackend(tag: tag, plugin: plugin, config: config)
        return try await sending(.POST, AdminAPI.backends, asked)
    }

    package func updateBackend(
        _ tag: String, _ options: BackendOptions
    ) async throws(AdminError) -> BackendStatus {
        try await sending(.PATCH, AdminAPI.backend(tag), options)
    }

    package func deleteBackend(_ tag: String, force: Bool) async throws(AdminError) {
        let path = AdminAPI.backend(tag) + (force ? "?force=true" : "")
        _ = try await send(.DELETE, path, timeout: Self.timeout)
    }

    // MARK: Endpoints

    package func endpoints() async throws(AdminError) -> [EndpointStatus] {
        try decode(await send(.GET, AdminAPI.endpoints, timeout: Self.timeout))
    }

    package func createEndpoint(
        _ name: String, backend: String, route: String?, methods: [String]?
    ) async throws(AdminError) -> EndpointStatus {
        let asked = AdminRequests.CreateEndpoint(
            name: name, backend: backend, route: route, methods: methods)
        return try await sending(.POST, AdminAPI.endpoints, asked)
    }

    package func deleteEndpoint(_ name: String) async throws(AdminError) {
        _ = try await send(.DELETE, AdminAPI.endpoint(name), timeout: Self.timeout)
    }

    package func setTraffic(
        _ name: String, _ weights: [String: Double]
    ) async throws(AdminError) -> EndpointStatus {
        try await sending(.PUT, AdminAPI.endpoint(name) + "/traffic", weights)
    }

    package func shadowTraffic(
        _ name: String, backend: String, share: Double
    ) async throws(AdminError) -> EndpointStatus {
        try await sending(
            .PUT, AdminAPI.shadow(name, backend), AdminRequests.Shadow(share: share))
    }

    // MARK: Middleware

    /// The host's chain, then those of the backends.
    package func middleware() async throws(AdminError) -> [ChainStatus] {
        try decode(await send(.GET, AdminAPI.middleware, timeout: Self.timeout))
    }

    // MARK: The file

    /// The running state as YAML.
    package func exportConfiguration() async throws(AdminError) -> String {
        String(
            buffer: try await send(.GET, AdminAPI.configuration, timeout: Self.timeout).body)
    }

    /// - Parameters:
    ///   - file: the file's name, for errors.
    ///   - isDryRun: whether the differences are told and nothing changes.
    package func applyConfiguration(
        _ yaml: String, file: String, isDryRun: Bool
    ) async throws(AdminError) -> AdminChanges {
        let path =
            AdminAPI.configuration + "?file=\(AdminAPI.escape(file))"
            + (isDryRun ? "&dry_run=true" : "")
        return try decode(
            await send(.PUT, path, body: ByteBuffer(string: yaml), timeout: Self.timeout))
    }

    private func sending<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, _ body: some Encodable
    ) async throws(AdminError) -> Answer {
        let data: Data
        do {
            data = try JSONEncoder().encode(body)
        } catch {
            throw AdminError(
                code: .refused(status: 400),
                message: "the request can't be written as JSON: \(error)",
                cause: error)
        }
        return try decode(
            await send(
                method, path, headers: [("content-type", "application/json")],
                body: ByteBuffer(data: data), timeout: Self.timeout))
    }
}
