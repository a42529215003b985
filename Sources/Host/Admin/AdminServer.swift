internal import Foundation
internal import HTTPTypes
package import HostControl
internal import HostDispatch
internal import HostPlugins
internal import Hummingbird
package import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Serves the admin API: on a Unix socket with mode 0600, and over TCP for who asks for that.
///
/// ``run(onListening:)`` listens on the socket, and returns when the host shuts down; the socket is gone then.
/// ``run(over:onListening:)`` does so for TCP.
package struct AdminServer: Sendable {
    private let path: String
    private let catalog: PluginCatalog
    let control: ControlPlane
    private let handles: HandleCalls
    let logger: Logger

    package init(
        path: String, catalog: PluginCatalog, control: ControlPlane, handles: HandleCalls,
        logger: Logger
    ) {
        self.path = path
        self.catalog = catalog
        self.control = control
        self.handles = handles
        self.logger = logger
    }

    /// - Throws: ``AdminError`` when the socket can't be listened on.
    package func run(
        onListening: @escaping @Sendable (Result<Void, AdminError>) -> Void
    ) async throws {
        try await AdminSocket.claim(path)
        let staged = try AdminSocket.stage(path)
        let application = Application(
            responder: router(token: nil).responder,
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

    /// What Hummingbird logs at lower levels is about its parts, or comes back as an error that is thrown.
    var serverLogger: Logger {
        var serverLogger = logger
        serverLogger.logLevel = .critical
        return serverLogger
    }

    func reason(_ error: any Error) -> String {
        (error as? IOError).map { SystemError.text($0.errnoCode) } ?? "\(error)"
    }

    /// Removes the socket now: for an exit that does not wait for ``run(onListening:)``.
    package func removeSocket() {
        AdminSocket.remove(path)
    }

    /// - Parameter token: what is asked of each request; nil: nothing.
    func router(token: AdminToken?) -> AdminRouter {
        AdminRouter(token: token) { operation, request, context in
            try await answer(operation, request, context, isOpen: token == nil)
        }
    }

    private func answer(
        _ operation: AdminOperation, _ request: Request, _ context: BasicRequestContext,
        isOpen: Bool
    ) async throws -> Response {
        switch operation {
        case .listPlugins: try AdminResponses.json(await catalog.list())
        case .listMethods:
            try await AdminResponses.answer { () throws(ControlError) in
                try await catalog.methods(of: name(context))
            }
        case .reloadPlugin:
            try await AdminResponses.answer { () throws(ControlError) in
                try await catalog.reload(name(context))
            }
        case .restartPlugin: try await restart(request, plugin: name(context))
        case .callEndpoint: try await call(request, endpoint: name(context))
        case .showDocument:
            try AdminResponses.json(isOpen ? AdminDocument.json : AdminDocument.jsonOverTCP)
        case .listBackends, .createBackend, .showBackend, .updateBackend, .deleteBackend:
            try await answerBackends(operation, request, context)
        case .listEndpoints, .createEndpoint, .showEndpoint, .deleteEndpoint, .setTraffic,
            .shadowTraffic:
            try await answerEndpoints(operation, request, context)
        case .listMiddleware: try AdminResponses.json(await control.chainStatuses())
        case .exportConfiguration:
            AdminResponses.text(await control.exported(), contentType: "application/yaml")
        case .applyConfiguration: try await apply(request)
        }
    }

    func name(_ context: BasicRequestContext) -> String { segment("name", context) }

    func tag(_ context: BasicRequestContext) -> String { segment("tag", context) }

    /// A part of the path, decoded.
    private func segment(_ parameter: String, _ context: BasicRequestContext) -> String {
        let segment = context.parameters.get(parameter) ?? ""
        return segment.removingPercentEncoding ?? segment
    }

    /// All of a request's body. One that says that it is too long is refused before it is read.
    func content(of request: Request) async throws -> ByteBuffer {
        let declared = request.headers[.contentLength].flatMap { Int($0) }
        guard declared ?? 0 <= AdminAPI.maxBodySize else {
            throw NIOTooManyBytesError(maxBytes: AdminAPI.maxBodySize)
        }
        return try await request.body.collect(upTo: AdminAPI.maxBodySize)
    }

    private func restart(_ request: Request, plugin name: String) async throws -> Response {
        let text = request.uri.queryParameters.get("replica")
        let replica = text.flatMap { Int($0) }
        guard (text == nil) == (replica == nil) else {
            return try AdminResponses.problem(
                400, "the replica is \(text ?? ""): it must be a whole number")
        }
        return try await AdminResponses.answer { () throws(ControlError) in
            try await catalog.restart(name, replica: replica)
        }
    }

    private func call(_ request: Request, endpoint name: String) async throws -> Response {
        guard handles.hasEndpoint(named: name) else {
            return try AdminResponses.problem(404, handles.unknown(name).message)
        }
        var timeout: Duration?
        if let text = request.headers[HTTPField.Name(AdminAPI.timeoutHeader)!] {
            timeout = AdminAPI.timeout(text)
            guard timeout != nil else {
                return try AdminResponses.problem(
                    400,
                    "\(AdminAPI.timeoutHeader) is \(text): send a positive number of seconds, such as 2.5"
                )
            }
        }
        var asked = HandleRequest(endpoint: name)
        asked.argument = try await content(of: request)
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
            return try AdminResponses.problem(error.httpStatus, error.message)
        }
    }
}
