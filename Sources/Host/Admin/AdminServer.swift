internal import Foundation
internal import HTTPTypes
package import HostControl
internal import HostDispatch
internal import HostPlugins
internal import Hummingbird
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Serves the admin API on a Unix socket with mode 0600.
///
/// ``run(onListening:)`` listens, and returns when the host shuts down; the socket is gone then.
package struct AdminServer: Sendable {
    private let path: String
    private let catalog: PluginCatalog
    private let handles: HandleCalls
    private let logger: Logger

    package init(
        path: String, catalog: PluginCatalog, handles: HandleCalls,
        logger: Logger
    ) {
        self.path = path
        self.catalog = catalog
        self.handles = handles
        self.logger = logger
    }

    /// - Throws: ``AdminError`` when the socket can't be listened on.
    package func run(
        onListening: @escaping @Sendable (Result<Void, AdminError>) -> Void
    ) async throws {
        try await AdminSocket.claim(path)
        let staged = try AdminSocket.stage(path)
        // What Hummingbird logs at lower levels is about its parts, or comes back as an error that is thrown here.
        var serverLogger = logger
        serverLogger.logLevel = .critical
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(address: .unixDomainSocket(path: staged)),
            onServerRunning: { _ in
                do {
                    try AdminSocket.publish(staged, as: path)
                    onListening(.success(()))
                } catch {
                    onListening(.failure(cannotListen(error)))
                }
            },
            // Not the data plane's loops: those are shut down, and Hummingbird's server may still have something to say
            // to its loop when it has ended.
            eventLoopGroupProvider: .singleton,
            logger: serverLogger)
        defer {
            AdminSocket.unstage(staged)
            AdminSocket.remove(path)
        }
        do {
            try await application.run()
        } catch {
            throw cannotListen(error)
        }
    }

    private func cannotListen(_ error: any Error) -> AdminError {
        AdminError(
            code: .cannotListen,
            message: "cannot listen on the admin socket \(path): \(reason(error))", cause: error)
    }

    private func reason(_ error: any Error) -> String {
        (error as? IOError).map { SystemError.text($0.errnoCode) } ?? "\(error)"
    }

    /// Removes the socket now: for an exit that does not wait for ``run(onListening:)``.
    package func removeSocket() {
        AdminSocket.remove(path)
    }

    private func router() -> Hummingbird.Router<BasicRequestContext> {
        let router = Hummingbird.Router()
        router.get("v1/plugins") { _, _ in
            try json(await catalog.list())
        }
        router.post("v1/plugins/{name}/reload") { _, context in
            try await answer { () throws(ControlError) in try await catalog.reload(name(context)) }
        }
        router.post("v1/plugins/{name}/restart") { request, context in
            let text = request.uri.queryParameters.get("replica")
            let replica = text.flatMap { Int($0) }
            guard (text == nil) == (replica == nil) else {
                return try problem(400, "the replica is \(text ?? ""): it must be a whole number")
            }
            return try await answer { () throws(ControlError) in
                try await catalog.restart(name(context), replica: replica)
            }
        }
        router.post("v1/endpoints/{name}/call") { request, context in
            try await call(request, endpoint: name(context))
        }
        return router
    }

    private func name(_ context: BasicRequestContext) -> String {
        let segment = context.parameters.get("name") ?? ""
        return segment.removingPercentEncoding ?? segment
    }

    private func call(_ request: Request, endpoint name: String) async throws -> Response {
        guard handles.hasEndpoint(named: name) else {
            return try problem(404, handles.unknown(name).message)
        }
        var timeout: Duration?
        if let text = request.headers[HTTPField.Name(AdminAPI.timeoutHeader)!] {
            timeout = AdminAPI.timeout(text)
            guard timeout != nil else {
                return try problem(
                    400,
                    "\(AdminAPI.timeoutHeader) is \(text): send a positive number of seconds, such as 2.5"
                )
            }
        }
        var asked = HandleRequest(endpoint: name)
        asked.argument = try await request.body.collect(upTo: AdminAPI.maxBodySize)
        if let method = request.headers[HTTPField.Name(AdminAPI.methodHeader)!] {
            asked.method = method
        }
        asked.timeout = timeout
        asked.contentType = request.headers[.contentType] ?? ""
        do throws(DispatchError) {
            let answer = try await handles.begin(asked).answer().get()
            var headers = HTTPFields()
            headers[.contentType] =
                answer.contentType.isEmpty ? "application/octet-stream" : answer.contentType
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: answer.body))
        } catch {
            return try problem(error.httpStatus, error.message)
        }
    }

    // MARK: Answers

    private func answer(
        _ operation: () async throws(ControlError) -> PluginStatus
    ) async throws -> Response {
        let status: PluginStatus
        do throws(ControlError) {
            status = try await operation()
        } catch {
            return try problem(error)
        }
        return try json(status)
    }

    private func json(_ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
    }

    private func problem(_ error: ControlError) throws -> Response {
        let status =
            switch error.code {
            case .invalid: 400
            case .noSuchPlugin, .noSuchReplica, .noSuchBackend, .noSuchEndpoint: 404
            case .alreadyExists, .backendInUse: 409
            case .loadFailed, .restartFailed: 422
            case .stateUnusable, .stateNotWritten: 500
            case .shuttingDown: 503
            }
        return try problem(status, error.message)
    }

    private func problem(_ code: Int, _ detail: String) throws -> Response {
        let status = HTTPResponse.Status(code: code)
        let problem = AdminProblem(title: status.reasonPhrase, status: code, detail: detail)
        return Response(
            status: status, headers: [.contentType: AdminAPI.problemType],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(problem))))
    }
}
