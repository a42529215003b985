package import HostCore
internal import HostDispatch
internal import HostPipeline
package import NIOCore
internal import Synchronization

/// Decides what a request is for, and sends it there: from a face, through the stages around all endpoints, to the
/// backend that its endpoint's traffic policy chooses. Any thread.
package final class Router: Sendable {
    package enum Resolution: Sendable {
        case call(Endpoint, timeout: Duration?)
        /// A response that the host gives itself.
        case answer(CallResponse)
        /// One that may have to be made first.
        case document(HostDocuments.Kind)
        case refused(DispatchError)
    }

    private let documents = HostDocuments()
    private let isDraining = Atomic<Bool>(false)

    package init() {}

    /// From now on the host says that it is about to end.
    package func beginDraining() { isDraining.store(true, ordering: .relaxed) }

    // MARK: The way of a request

    /// Sends a request in: through what stands around all endpoints, and to where it leads then.
    package func submit(_ request: Request, from origin: any RequestOrigin) {
        guard let chain = origin.routes?.chain else {
            return route(request, of: origin, for: origin)
        }
        chain.run(request, for: origin) { [self] request, sink in
            guard origin.hasOwnThread, !origin.isOnOwnThread else {
                return route(request, of: origin, for: sink)
            }
            // What stands around a backend runs where it would have run without this chain.
            origin.onOwnThread { [self] in route(request, of: origin, for: sink) }
        }
    }

    /// A request has come out of what stands around all endpoints.
    private func route(
        _ request: Request, of origin: any RequestOrigin, for sink: any ResponseSink
    ) {
        guard let routes = origin.routes else { return sink.receive(.failure(.callerGone)) }
        let head: any SentHead = request.isHeadChanged ? ChangedHead(request) : request.head
        if request.isHeadChanged { origin.replaceHead(head, subject: request.subject) }
        switch resolve(head, in: routes) {
        case .refused(let error): sink.receive(.failure(error))
        case .answer(let response): sink.receive(.success(response))
        case .document(let kind): send(kind, to: head, of: origin, for: sink)
        case .call(let endpoint, let timeout):
            guard request.body == nil, let incoming = request.incoming else {
                return call(
                    endpoint, timeout, head, request.body ?? ByteBuffer(), limit: request.limit,
                    mayRunInline: request.mayRunInline, of: origin, for: sink
                ) { request }
            }
            incoming.whenThere { [self] result in
                switch result {
                case .success(let body) where origin.routes != nil:
                    var request = request
                    request.body = body
                    call(
                        endpoint, timeout, head, body, limit: request.limit,
                        mayRunInline: request.mayRunInline, of: origin, for: sink
                    ) { request }
                case .success: sink.receive(.failure(.callerGone))
                case .failure(let error): sink.receive(.failure(error))
                }
            }
        }
    }

    /// Sends a call to the backend that the endpoint's traffic policy chooses, and copies to the shadows.
    ///
    /// - Parameters:
    ///   - limit: a deadline that the call's own can't pass.
    ///   - sink: gets the response, for the origin.
    ///   - request: what the backends' middleware sees; made only if there is some.
    package func call(
        _ endpoint: Endpoint, _ timeout: Duration?, _ head: any SentHead, _ body: ByteBuffer,
        limit: NIODeadline? = nil, mayRunInline: Bool = true, of origin: any RequestOrigin,
        for sink: any ResponseSink, request: () -> Request
    ) {
        var plan = CallPlan(method: head.method, argument: body, contentType: head.contentType)
        plan.timeout = timeout
        plan.limit = limit
        plan.mayRunInline = mayRunInline
        plan.argumentHold = origin.bodyHold
        endpoint.submit(plan, for: sink, by: origin, shardKey: head.shardKey, request: request)
    }

    /// Answers with a document, now or when it has been made.
    package func send(
        _ kind: HostDocuments.Kind, to head: any SentHead, of origin: any RequestOrigin,
        for sink: any ResponseSink
    ) {
        guard let routes = origin.routes else { return sink.receive(.failure(.callerGone)) }
        documents.whenReady(kind, of: routes) { document in
            sink.receive(.success(document.response(to: head)))
        }
    }

    // MARK: What a request is for

    /// - Parameter routes: what the request found when it came.
    package func resolve(_ head: any SentHead, in routes: RouteSnapshot) -> Resolution {
        let fields = head.callFields
        if let name = fields.repeated {
            return .refused(
                DispatchError(
                    .refused(httpStatus: 400), "the request has the header \(name) more than once"))
        }
        if head.path.utf8.starts(with: "/-/".utf8) { return reserved(head) }
        guard let endpoint = routes.endpoint(path: head.path[...]) else { return notFound(head) }
        guard endpoint.accepts(httpMethod: head.httpMethod) else {
            return notAllowed(head, allowed: endpoint.httpMethods)
        }
        do throws(DispatchError) {
            return .call(endpoint, timeout: try fields.callerTimeout())
        } catch {
            return .refused(error)
        }
    }

    /// Whether a request asks if the host is alive. It is answered without credentials, and passes no middleware: who
    /// probes a host knows none of its names and has no token, and must not be told that it is ill because others call
    /// it too often. The other reserved paths tell of what is served, and pass the middleware as calls do.
    package func isProbe(_ head: any SentHead) -> Bool {
        head.path == Self.probePath && Self.isGet(head)
    }

    /// Whether there is no endpoint for a request.
    package func isUnknown(_ head: any SentHead, in routes: RouteSnapshot) -> Bool {
        !head.path.utf8.starts(with: "/-/".utf8) && routes.endpoint(path: head.path[...]) == nil
    }

    private static let probePath = "/-/healthz"

    private static func isGet(_ head: any SentHead) -> Bool {
        head.httpMethod == "GET" || head.httpMethod == "HEAD"
    }

    /// `/-/routes` and `/-/healthz`, as Ray Serve has them, and the document of the typed methods.
    private func reserved(_ head: any SentHead) -> Resolution {
        guard ["/-/routes", Self.probePath, "/-/openapi.json"].contains(head.path) else {
            return notFound(head)
        }
        guard Self.isGet(head) else { return notAllowed(head, allowed: ["GET"]) }
        if head.path == "/-/routes" { return .document(.routes) }
        if head.path == "/-/openapi.json" { return .document(.calls) }
        guard !isDraining.load(ordering: .relaxed) else {
            return .refused(
                DispatchError(.refused(httpStatus: 503), "the host is shutting down"))
        }
        return .answer(
            CallResponse(
                body: ByteBuffer(string: "success"), contentType: "text/plain; charset=utf-8"))
    }

    private func notFound(_ head: any SentHead) -> Resolution {
        .refused(
            DispatchError(
                .refused(httpStatus: 404),
                "no endpoint at \(head.path); GET /-/routes lists those there are"))
    }

    private func notAllowed(_ head: any SentHead, allowed: [String]) -> Resolution {
        // HEAD is taken wherever GET is.
        let list = allowed.filter { $0 != "HEAD" || !allowed.contains("GET") }
            .flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }.joined(separator: ", ")
        return .refused(
            DispatchError(
                .refused(httpStatus: 405), "\(head.path) takes \(list), not \(head.httpMethod)",
                headers: [("allow", list)]))
    }
}

extension Endpoint {
    /// Sends a call to the backend that the traffic policy chooses, and copies to the shadows: these get none of a
    /// shadow's own calls.
    ///
    /// - Parameters:
    ///   - shardKey: calls with the same key go to the same backends; empty: none.
    ///   - request: what the backends' middleware sees; made only if there is some.
    func submit(
        _ plan: consuming CallPlan, for sink: any ResponseSink, by submitter: any CallSubmitter,
        shardKey: @autoclosure () -> String, request: () -> Request
    ) {
        plan.endpoint = name
        if traffic.isPlain {
            return backends[0].submit(plan, for: sink, by: submitter, request: request)
        }
        let assignment = assign(shardKey: shardKey())
        let shadows = plan.isInShadow ? [] : assignment.shadows
        assignment.backend.submit(copy plan, for: sink, by: submitter, request: request)
        for shadow in shadows {
            shadow.submitCopy(of: copy plan, from: sink, by: submitter, request: request)
        }
    }
}

/// The head of a request that stages around all endpoints have changed: what its fields say now holds.
private final class ChangedHead: SentHead {
    let httpMethod: String
    let path: String
    let query: String
    let headers: HeaderFields
    let callFields: CallFields

    init(_ request: Request) {
        httpMethod = request.httpMethod
        path = request.path.isEmpty ? "/" : request.path
        query = request.query
        headers = request.headers.withoutSpaceAround
        callFields = CallFields(headers)
    }

    var method: String { callFields.method ?? CallMetadata.defaultMethod }
    var contentType: String { callFields.contentType ?? "" }
    var shardKey: String { callFields.shardKey ?? "" }
}
