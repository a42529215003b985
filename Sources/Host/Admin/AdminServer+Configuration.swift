internal import Foundation
internal import HostControl
internal import HostForms
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat

/// Backends, endpoints, traffic, and the file that declares them.
extension AdminServer {
    func answerBackends(
        _ operation: AdminOperation, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        switch operation {
        case .createBackend:
            try await decoding(AdminRequests.CreateBackend.self, request) { asked in
                try await AdminResponses.answer(status: .created) { () throws(ControlError) in
                    try await control.createBackend(
                        asked.tag, plugin: asked.plugin, asked.config ?? BackendOptions())
                }
            }
        case .showBackend:
            try await AdminResponses.answer { () throws(ControlError) in
                try await control.backendStatus(tag(context))
            }
        case .updateBackend:
            try await decoding(BackendOptions.self, request) { options in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.updateBackend(tag(context), options)
                }
            }
        case .deleteBackend:
            try await deleteBackend(request, tag(context))
        default:
            try AdminResponses.json(await control.backendStatuses())
        }
    }

    func answerEndpoints(
        _ operation: AdminOperation, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        switch operation {
        case .createEndpoint:
            try await decoding(AdminRequests.CreateEndpoint.self, request) { asked in
                try await AdminResponses.answer(
                    status: .created, failure: \.httpStatusOfBody
                ) { () throws(ControlError) in
                    try await control.createEndpoint(
                        asked.name, backend: asked.backend, route: asked.route,
                        methods: asked.methods)
                }
            }
        case .showEndpoint:
            try await AdminResponses.answer { () throws(ControlError) in
                try await control.endpointStatus(name(context))
            }
        case .deleteEndpoint:
            try await nothing { () throws(ControlError) in
                try await control.deleteEndpoint(name(context))
            }
        case .setTraffic:
            try await decoding([String: Double].self, request) { weights in
                try await AdminResponses.answer(failure: \.httpStatusOfBody) {
                    () throws(ControlError) in
                    try await control.setTraffic(name(context), weights)
                }
            }
        case .shadowTraffic:
            try await decoding(AdminRequests.Shadow.self, request) { asked in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.shadowTraffic(
                        name(context), backend: tag(context), share: asked.share)
                }
            }
        default:
            try AdminResponses.json(await control.endpointStatuses())
        }
    }

    func apply(_ request: Request) async throws -> Response {
        let isDryRun = try flag("dry_run", request)
        let yaml = String(buffer: try await content(of: request))
        let file = request.uri.queryParameters.get("file") ?? "backplane.yaml"
        return try await AdminResponses.answer(failure: \.httpStatusOfBody) {
            () throws(ControlError) in
            let (changes, backends) = try await control.apply(
                yaml: yaml, file: file, isDryRun: isDryRun)
            return AdminChanges(changes: changes, backends: backends)
        }
    }

    private func deleteBackend(_ request: Request, _ tag: String) async throws -> Response {
        let force = try flag("force", request)
        return try await nothing { () throws(ControlError) in
            try await control.deleteBackend(tag, force: force)
        }
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
    private func decoding<Value: Decodable>(
        _ type: Value.Type, _ request: Request, _ body: (Value) async throws -> Response
    ) async throws -> Response {
        let bytes = try await content(of: request)
        let value: Value
        do {
            if let type = type as? any AdminRequestBody.Type,
                case .object(let members) = try JSONDecoder().decode(JSONValue.self, from: bytes),
                let unknown = members.keys.sorted().first(where: { !type.members.contains($0) })
            {
                let known = type.members.joined(separator: ", ")
                return try AdminResponses.problem(
                    400, "the request's JSON: there is no \(unknown), only \(known)")
            }
            value = try JSONDecoder().decode(type, from: bytes)
        } catch let error as ConfigurationError {
            return try AdminResponses.problem(
                ControlError(error).httpStatusOfBody, "the request's JSON: \(error)")
        } catch {
            return try AdminResponses.problem(400, "the request's JSON: \(JSONProblem.text(error))")
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
