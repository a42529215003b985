internal import Foundation
internal import HTTPTypes
internal import HostCore
package import HostDeployment
internal import HostDispatch
internal import HostHTTP
internal import HostPipeline
package import HostRouting
internal import Hummingbird
package import Logging
internal import NIOConcurrencyHelpers
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
    /// Once it is there.
    private let socket = NIOLockedValueBox<PublishedSocket?>(nil)
    /// What the bodies of all requests together may take.
    private let bodies = BodyBudget(
        limit: AdminAPI.maxBodiesSize, largestBody: AdminAPI.maxBodySize)

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
        try AdminSocket.requireFree(path)
        let staged = try AdminSocket.stage(path)
        let application = Application(
            responder: router(token: nil).responder,
            configuration: ApplicationConfiguration(address: .unixDomainSocket(path: staged)),
            onServerRunning: { channel in
                await AcceptGate.install(on: channel, logger: logger)
                do throws(AdminError) {
                    let published = try AdminSocket.publish(staged, as: path)
                    socket.withLockedValue { $0 = published }
                    onListening(.success(()))
                } catch {
                    onListening(.failure(error))
                }
            },
            // Not the data plane's loops: those are shut down, and Hummingbird's server may still have something to say
            // to its loop when it has ended.
            eventLoopGroupProvider: .singleton,
            logger: serverLogger)
        defer {
            AdminSocket.unstage(staged)
            removeSocket()
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
            message: "cannot listen on the admin socket \(path): \(SystemError.reason(of: error))",
            cause: error)
    }

    /// What Hummingbird logs at lower levels is about its parts, or comes back as an error that is thrown.
    var serverLogger: Logger {
        var serverLogger = logger
        serverLogger.logLevel = .critical
        return serverLogger
    }

    /// Removes the socket now: for an exit that does not wait for ``run(onListening:)``.
    package func removeSocket() {
        socket.withLockedValue { $0.take() }?.remove()
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
        case .listVersions:
            try await AdminResponses.answer { () throws(ControlError) in
                try await catalog.versions(of: name(context))
            }
        case .rollBackPlugin:
            try await decoding(AdminRequests.Rollback.self, request) { asked in
                try await AdminResponses.answer { () throws(ControlError) in
                    try await catalog.rollBack(name(context), to: asked.to)
                }
            }
        case .listConfigurations:
            try await AdminResponses.answer { () throws(ControlError) in
                try await control.revisions()
            }
        case .rollBackConfiguration: try await rollBack(request)
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

    /// A request's body, and what it takes of the host's memory.
    struct Content {
        var bytes = ByteBuffer()
        let allowance: BodyAllowance
    }

    /// All of a request's body. One that says that it is too long is refused before it is read.
    func content(of request: Request) async throws -> Content {
        let declared = request.headers[.contentLength].flatMap { Int($0) }
        let limit = AdminAPI.maxBodySize
        guard declared ?? 0 <= limit else { throw NIOTooManyBytesError(maxBytes: limit) }
        var content = Content(allowance: BodyAllowance(bodies))
        for try await piece in request.body {
            let size = content.bytes.readableBytes + piece.readableBytes
            guard size <= limit else { throw NIOTooManyBytesError(maxBytes: limit) }
            guard content.allowance.cover(size, announced: declared) else {
                throw HTTPError(.serviceUnavailable, message: BodyBudget.noRoom.message)
            }
            content.bytes.writeImmutableBuffer(piece)
        }
        return content
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
        let content = try await content(of: request)
        defer { content.allowance.release() }
        asked.argument = content.bytes
        if let method = request.headers[HTTPField.Name(AdminAPI.methodHeader)!] {
            asked.method = method
        }
        asked.timeout = timeout
        asked.contentType = request.headers[.contentType] ?? ""
        do throws(DispatchError) {
            let response = try await handles.begin(asked).response().get()
            var headers = HTTPFields()
            headers[.contentType] =
                response.contentType.isEmpty ? "application/octet-stream" : response.contentType
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: response.body))
        } catch {
            return try AdminResponses.problem(error.httpStatus, error.message)
        }
    }
}
