internal import Foundation
internal import HostControl
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat

/// Backends, endpoints, traffic, and the file that declares them.
extension AdminServer {
    func addConfiguration(to router: Hummingbird.Router<BasicRequestContext>) {
        addBackends(to: router)
        addEndpoints(to: router)
        router.get("v1/configuration") { _, _ in
            AdminResponses.text(await control.exported(), contentType: "application/yaml")
        }
        router.put("v1/configuration") { request, _ in
            let yaml = String(buffer: try await request.body.collect(upTo: AdminAPI.maxBodySize))
            let file = request.uri.queryParameters.get("file") ?? "backplane.yaml"
            let isDryRun = request.uri.queryParameters.get("dry_run") == "true"
            return try await AdminResponses.answer { () throws(ControlError) in
                let (changes, backends) = try await control.apply(
                    yaml: yaml, file: file, isDryRun: isDryRun)
                return AdminChanges(changes: changes, backends: backends)
            }
        }
    }

    private func addBackends(to router: Hummingbird.Router<BasicRequestContext>) {
        router.get("v1/backends") { _, _ in
            try AdminResponses.json(await control.backendStatuses())
        }
        router.post("v1/backends") { request, _ in
            try await decoding(AdminRequests.CreateBackend.self, request) { asked in
                try await AdminResponses.answer(status: .created) { () throws(ControlError) in
                    try await control.createBackend(
                        asked.tag, plugin: asked.plugin, asked.config ?? BackendOptions())
                }
            }
        }
        router.get("v1/backends/{name}") { _, context in
            try await AdminResponses.answer { () throws(ControlError) in
                try await control.backendStatus(name(context))
            }
        }
        router.patch("v1/backends/{name}") { request, context in
            try await decoding(BackendOptions.self, request) { options in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.updateBackend(name(context), options)
                }
            }
        }
        router.delete("v1/backends/{name}") { request, context in
            let force = request.uri.queryParameters.get("force") == "true"
            return try await nothing { () throws(ControlError) in
                try await control.deleteBackend(name(context), force: force)
            }
        }
    }

    private func addEndpoints(to router: Hummingbird.Router<BasicRequestContext>) {
        router.get("v1/endpoints") { _, _ in
            try AdminResponses.json(await control.endpointStatuses())
        }
        router.post("v1/endpoints") { request, _ in
            try await decoding(AdminRequests.CreateEndpoint.self, request) { asked in
                try await AdminResponses.answer(status: .created) { () throws(ControlError) in
                    try await control.createEndpoint(
                        asked.name, backend: asked.backend, route: asked.route,
                        methods: asked.methods)
                }
            }
        }
        router.get("v1/endpoints/{name}") { _, context in
            try await AdminResponses.answer { () throws(ControlError) in
                try await control.endpointStatus(name(context))
            }
        }
        router.delete("v1/endpoints/{name}") { _, context in
            try await nothing { () throws(ControlError) in
                try await control.deleteEndpoint(name(context))
            }
        }
        router.put("v1/endpoints/{name}/traffic") { request, context in
            try await decoding([String: Double].self, request) { weights in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.setTraffic(name(context), weights)
                }
            }
        }
        router.put("v1/endpoints/{name}/shadows/{tag}") { request, context in
            try await decoding(AdminRequests.Shadow.self, request) { asked in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await control.shadowTraffic(
                        name(context), backend: segment("tag", context), share: asked.share)
                }
            }
        }
    }

    /// Reads a request's JSON; what can't be read is answered with the place and the reason.
    private func decoding<Value: Decodable>(
        _ type: Value.Type, _ request: Request, _ body: (Value) async throws -> Response
    ) async throws -> Response {
        let bytes = try await request.body.collect(upTo: AdminAPI.maxBodySize)
        let value: Value
        do {
            value = try JSONDecoder().decode(type, from: bytes)
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
