package import HostConfigurationFiles
package import HostCore
internal import HostForms
internal import HostState

/// What an operator does, in the form in which it is asked for and answered.
extension ControlPlane {
    // MARK: Backends

    /// - Throws: ``ControlError``, as ``change(_:_:)``.
    package func createBackend(
        _ tag: String, plugin: String, _ options: BackendOptions,
        _ limits: ChangeLimits = ChangeLimits()
    ) async throws(ControlError) -> BackendStatus {
        try await change(limits) { state throws(ControlError) in
            try state.createBackend(tag, plugin: plugin, options: options)
        }
        return try await backendStatus(tag)
    }

    /// - Throws: ``ControlError``.
    package func updateBackend(
        _ tag: String, _ options: BackendOptions, _ limits: ChangeLimits = ChangeLimits()
    ) async throws(ControlError) -> BackendStatus {
        try await change(limits) { state throws(ControlError) in
            try state.updateBackend(tag, options)
        }
        return try await backendStatus(tag)
    }

    /// - Throws: ``ControlError``.
    package func deleteBackend(_ tag: String, force: Bool) async throws(ControlError) {
        try await change { state throws(ControlError) in
            try state.deleteBackend(tag, force: force)
        }
    }

    // MARK: Endpoints

    /// - Throws: ``ControlError``.
    package func createEndpoint(
        _ name: String, backend: String, route: String?, methods: [String]?,
        _ limits: ChangeLimits = ChangeLimits()
    ) async throws(ControlError) -> EndpointStatus {
        try Self.checkWritable(route: route)
        try await change(limits) { state throws(ControlError) in
            try state.createEndpoint(
                name, backend: backend, route: route,
                methods: methods ?? EndpointRecord.defaultMethods)
        }
        return try endpointStatus(name)
    }

    /// Holds an operator to what a file may say: otherwise an export could not be applied.
    private static func checkWritable(route: String?) throws(ControlError) {
        guard let route else { return }
        do throws(ConfigurationError) {
            let node = ConfigurationNode(json: .string(route))
            _ = try EndpointForms.route.read(node, ConfigurationPath.root.appending("route"))
        } catch {
            throw ControlError(.invalid, error.description, cause: error)
        }
    }

    /// - Throws: ``ControlError``.
    package func deleteEndpoint(_ name: String) async throws(ControlError) {
        try await change { state throws(ControlError) in try state.deleteEndpoint(name) }
    }

    /// - Throws: ``ControlError``.
    package func setTraffic(
        _ name: String, _ weights: [String: Double], _ limits: ChangeLimits = ChangeLimits()
    ) async throws(ControlError) -> EndpointStatus {
        try await change(limits) { state throws(ControlError) in
            try state.setTraffic(name, weights)
        }
        return try endpointStatus(name)
    }

    /// - Throws: ``ControlError``.
    package func shadowTraffic(
        _ name: String, backend: String, share: Double
    ) async throws(ControlError) -> EndpointStatus {
        try await change { state throws(ControlError) in
            try state.shadowTraffic(name, backend: backend, share: share)
        }
        return try endpointStatus(name)
    }

    // MARK: Looking

    /// All backends, by tag.
    package func backendStatuses() async -> [BackendStatus] {
        var statuses: [BackendStatus] = []
        for (tag, record) in state.backends.sorted(by: { $0.key < $1.key }) {
            statuses.append(await status(tag, record))
        }
        return statuses
    }

    /// - Throws: ``ControlError`` when there is no such backend.
    package func backendStatus(_ tag: String) async throws(ControlError) -> BackendStatus {
        await status(tag, try state.requireBackend(tag))
    }

    /// The chains of middleware: the host's, then those of all backends, by tag.
    package func chainStatuses() -> [ChainStatus] {
        chains.status(of: state.backends.keys)
    }

    /// All endpoints, by name.
    package func endpointStatuses() -> [EndpointStatus] {
        state.endpoints.sorted { $0.key < $1.key }
            .map { EndpointStatus(name: $0.key, $0.value) }
    }

    /// - Throws: ``ControlError`` when there is no such endpoint.
    package func endpointStatus(_ name: String) throws(ControlError) -> EndpointStatus {
        EndpointStatus(name: name, try state.requireEndpoint(name))
    }
}
