package import HostConfigurationFiles
package import HostDeployment
internal import HostForms
package import HostState
internal import NIOCore
internal import NIOHTTP1

/// Backends, endpoints, traffic, and the file that declares them. Each function throws ``AdminError``.
extension AdminClient {
    /// As long as writing a change down may take.
    static let timeout: TimeAmount = .seconds(30)

    /// How long a change may take, and what it may leave undone.
    package struct Limits: Sendable {
        /// How long plugins may take to make ready what it needs; nil: as long as they may by their own limits.
        package var timeout: Duration?
        /// Whether backends may name plugins whose libraries are not there.
        package var allowsMissing: Bool

        package init(timeout: Duration? = nil, allowsMissing: Bool = false) {
            self.timeout = timeout
            self.allowsMissing = allowsMissing
        }

        fileprivate var query: String {
            AdminAPI.limits(timeout: timeout.map { $0 / .seconds(1) }, allowsMissing: allowsMissing)
        }

        /// How long a response may take.
        fileprivate var wait: TimeAmount {
            timeout.map { TimeAmount($0) + .seconds(30) } ?? .hours(24)
        }
    }

    // MARK: Backends

    package func backends() async throws(AdminError) -> [BackendStatus] {
        try decode(await send(.GET, AdminAPI.backends, timeout: Self.timeout))
    }

    package func createBackend(
        _ tag: String, plugin: String, config: BackendOptions?, _ limits: Limits = Limits()
    ) async throws(AdminError) -> BackendStatus {
        let asked = AdminRequests.CreateBackend(tag: tag, plugin: plugin, config: config)
        return try await sending(.POST, AdminAPI.backends, asked, limits)
    }

    package func updateBackend(
        _ tag: String, _ options: BackendOptions, _ limits: Limits = Limits()
    ) async throws(AdminError) -> BackendStatus {
        try await sending(.PATCH, AdminAPI.backend(tag), options, limits)
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
        _ name: String, backend: String, route: String?, methods: [String]?,
        _ limits: Limits = Limits()
    ) async throws(AdminError) -> EndpointStatus {
        let asked = AdminRequests.CreateEndpoint(
            name: name, backend: backend, route: route, methods: methods)
        return try await sending(.POST, AdminAPI.endpoints, asked, limits)
    }

    package func deleteEndpoint(_ name: String) async throws(AdminError) {
        _ = try await send(.DELETE, AdminAPI.endpoint(name), timeout: Self.timeout)
    }

    package func setTraffic(
        _ name: String, _ weights: [String: Double], _ limits: Limits = Limits()
    ) async throws(AdminError) -> EndpointStatus {
        try await sending(
            .PUT, AdminAPI.endpoint(name) + "/traffic", AdminRequests.Traffic(weights: weights),
            limits)
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
        _ yaml: String, file: String, isDryRun: Bool, _ limits: Limits = Limits()
    ) async throws(AdminError) -> AdminChanges {
        let query = limits.query
        let path =
            AdminAPI.configuration + (query.isEmpty ? "?" : query + "&")
            + "file=\(AdminAPI.escape(file))" + (isDryRun ? "&dry_run=true" : "")
        return try decode(
            await send(.PUT, path, body: ByteBuffer(string: yaml), timeout: limits.wait))
    }

    // MARK: Going back

    /// The last configurations, the newest, which is the present one, first.
    package func configurations() async throws(AdminError) -> [ConfigurationRevision] {
        try decode(await send(.GET, AdminAPI.configurations, timeout: Self.timeout))
    }

    /// - Parameter number: nil: the one before the present one.
    package func rollBack(
        to number: Int?, _ limits: Limits = Limits()
    ) async throws(AdminError) -> AdminChanges {
        try await sending(.POST, AdminAPI.rollback, AdminRequests.Rollback(to: number), limits)
    }

    /// The versions of a plugin's library that are kept, the newest first.
    package func versions(
        of plugin: String
    ) async throws(AdminError) -> [LibraryVersions.Version] {
        try decode(await send(.GET, AdminAPI.versions(plugin), timeout: Self.timeout))
    }

    /// - Parameter number: nil: the one before the one that serves.
    package func rollBack(
        plugin: String, to number: Int?
    ) async throws(AdminError) -> PluginStatus {
        try await sending(
            .POST, AdminAPI.rollback(plugin), AdminRequests.Rollback(to: number),
            Limits(timeout: .seconds(270)), hasQuery: false)
    }

    func sending<Response: Decodable>(
        _ method: HTTPMethod, _ path: String, _ body: some AdminRequestBody,
        _ limits: Limits = Limits(timeout: .zero), hasQuery: Bool = true
    ) async throws(AdminError) -> Response {
        let isLimited = hasQuery && limits.timeout != .zero
        return try decode(
            await send(
                method, path + (isLimited ? limits.query : ""),
                headers: [("content-type", "application/json")],
                body: ByteBuffer(string: body.json.text), timeout: limits.wait))
    }
}
