internal import HostConfigurationFiles
internal import HostCore
internal import HostDeployment
internal import HostForms
internal import Hummingbird
internal import NIOCore

/// Backends, endpoints, traffic, and the file that declares them.
extension AdminServer {
    func answerBackends(
        _ operation: AdminOperation, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        switch operation {
        case .createBackend:
            let limits = try limits(request)
            return try await decoding(AdminRequests.CreateBackend.self, request) { asked in
                try await AdminResponses.answer(
                    status: .created, failure: \.httpStatusOfBody
                ) { () throws(ControlError) in
                    try await control.createBackend(
                        asked.tag, plugin: asked.plugin, asked.config ?? BackendOptions(), limits)
                }
            }
        case .showBackend:
            return try await AdminResponses.answer { () throws(ControlError) in
                try await control.backendStatus(tag(context))
            }
        case .updateBackend:
            let limits = try limits(request)
            return try await decoding(BackendOptions.self, request) { options in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.updateBackend(tag(context), options, limits)
                }
            }
        case .deleteBackend:
            return try await deleteBackend(request, tag(context))
        default:
            return try AdminResponses.json(await control.backendStatuses())
        }
    }

    func answerEndpoints(
        _ operation: AdminOperation, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        switch operation {
        case .createEndpoint:
            let limits = try limits(request)
            return try await decoding(AdminRequests.CreateEndpoint.self, request) { asked in
                try await AdminResponses.answer(
                    status: .created, failure: \.httpStatusOfBody
                ) { () throws(ControlError) in
                    try await control.createEndpoint(
                        asked.name, backend: asked.backend, route: asked.route,
                        methods: asked.methods, limits)
                }
            }
        case .showEndpoint:
            return try await AdminResponses.answer { () throws(ControlError) in
                try await control.endpointStatus(name(context))
            }
        case .deleteEndpoint:
            return try await nothing { () throws(ControlError) in
                try await control.deleteEndpoint(name(context))
            }
        case .setTraffic:
            let limits = try limits(request)
            return try await decoding(AdminRequests.Traffic.self, request) { asked in
                try await AdminResponses.answer(failure: \.httpStatusOfBody) {
                    () throws(ControlError) in
                    try await control.setTraffic(name(context), asked.weights, limits)
                }
            }
        case .shadowTraffic:
            return try await decoding(AdminRequests.Shadow.self, request) { asked in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.shadowTraffic(
                        name(context), backend: tag(context), share: asked.share)
                }
            }
        default:
            return try AdminResponses.json(await control.endpointStatuses())
        }
    }

    func apply(_ request: Request) async throws -> Response {
        let isDryRun = try flag("dry_run", request)
        let limits = try limits(request)
        let yaml = String(buffer: try await content(of: request).bytes)
        let file = request.uri.queryParameters.get("file") ?? "backplane.yaml"
        return try await AdminResponses.answer(failure: \.httpStatusOfBody) {
            () throws(ControlError) in
            let made = try await control.apply(
                yaml: yaml, file: file, isDryRun: isDryRun, limits)
            return AdminChanges(
                changes: made.changes, needsRestart: made.restart, backends: made.backends)
        }
    }

    func rollBack(_ request: Request) async throws -> Response {
        let limits = try limits(request)
        return try await decoding(AdminRequests.Rollback.self, request) { asked in
            try await AdminResponses.answer(failure: \.httpStatusOfBody) {
                () throws(ControlError) in
                let changes = try await control.rollBack(to: asked.to, limits)
                return AdminChanges(changes: changes, needsRestart: [], backends: [])
            }
        }
    }

    private func deleteBackend(_ request: Request, _ tag: String) async throws -> Response {
        let force = try flag("force", request)
        return try await nothing { () throws(ControlError) in
            try await control.deleteBackend(tag, force: force)
        }
    }

    /// How long a change may take, and what it may leave undone.
    private func limits(_ request: Request) throws -> ControlPlane.ChangeLimits {
        var limits = ControlPlane.ChangeLimits(allowsMissing: try flag("allow_missing", request))
        if let text = request.uri.queryParameters.get("timeout") {
            guard let timeout = AdminAPI.timeout(text) else {
                throw HTTPError(
                    .badRequest, message: "timeout is \(text): send a positive number of seconds")
            }
            limits.timeout = timeout
        }
        return limits
    }

    /// A yes or no of the query, no by default. Anything else is refused: `dry_run=1` must not change the host.
    private func flag(_ name: String, _ request: Request) throws -> Bool {
        switch request.uri.queryParameters.get(name) {
        case nil, "false": return false
        case "true": return true
        case let other?:
            throw HTTPError(.badRequest, message: "\(name) is \(other): send true or false")
        }
    }

    /// Reads a request's JSON; what can't be read is answered with the place and the reason.
    func decoding<Value: AdminRequestBody>(
        _ type: Value.Type, _ request: Request, _ body: (Value) async throws -> Response
    ) async throws -> Response {
        let bytes = try await content(of: request).bytes
        let value: Value
        do throws(ConfigurationError) {
            value = try Value(json: try JSONValue(parsing: bytes.readableBytesView))
        } catch {
            return try AdminResponses.problem(
                ControlError(error).httpStatusOfBody, "the request's JSON: \(error)")
        }
        return try await body(value)
    }

    private func nothing(
        _ operation: () async throws(ControlError) -> Void
    ) async throws -> Response {
        do throws(ControlError) {
            try await operation()
        } catch {
            return try AdminResponses.problem(error)
        }
        return Response(status: .noContent)
    }
}
