internal import HostControl
internal import HostDispatch
internal import HostMiddleware
internal import HostPlugins
internal import NIOCore
internal import NIOHTTP1

/// Requests on their way through the host's middleware. They enter it whole if they came so, or else with their head
/// alone, and are routed when they leave it; what a stage answers before the body has arrived waits until it has.
extension HTTPConnection {
    /// A request that the stages have, and whose body is arriving.
    final class Passing {
        typealias Answer = Result<PluginResponse, DispatchError>

        let exchange: HTTPExchange
        let incoming: IncomingBody
        /// What there is to be sent when the body has arrived: parts of a streamed answer, and its end.
        var parts: [(parts: [PluginResponse], sent: @Sendable () -> Void)] = []
        var answer: Answer?
        /// Whether the body is over its limit: the answer can't wait for its end.
        var isBodyTooLarge = false
        var hasAskedForBody = false

        init(exchange: HTTPExchange, incoming: IncomingBody) {
            self.exchange = exchange
            self.incoming = incoming
        }
    }

    /// Lets the stages see a request without its body, if they haven't seen it: there is nothing more for now.
    func passHead() {
        guard case .receiving(let reception) = state, case .unseen(let chain) = reception.course
        else { return }
        let exchange = makeExchange(reception.request)
        let incoming = IncomingBody(limit: group.settings.maxBodySize) { exchange.wantBody() }
        reception.course = .passing(Passing(exchange: exchange, incoming: incoming))
        pass(
            reception.request.seenByStages(
                by: exchange, incoming: incoming, remoteAddress: remoteAddress),
            of: exchange, through: chain)
        // A stage may have lowered the limit below what is there already.
        if case .receiving(let current) = state, current === reception,
            case .passing(let passing) = reception.course
        {
            receive(ByteBuffer(), of: reception, passing)
        }
    }

    func pass(
        _ request: MiddlewareRequest, of exchange: HTTPExchange, through chain: MiddlewareChain
    ) {
        chain.run(request, for: exchange) { request, caller in
            exchange.route(request, for: caller)
        }
    }

    /// A request has come out of the chain.
    func route(_ passed: MiddlewareRequest, of exchange: HTTPExchange, for caller: any Caller) {
        let request =
            passed.isHeadChanged
            ? RequestHead(passed, version: exchange.request.head.version) : exchange.request
        if passed.isHeadChanged { exchange.replaceRequest(request) }
        switch group.router.resolve(request, isDraining: group.isDraining) {
        case .problem(let problem):
            caller.receive(.failure(DispatchError(problem)))
        case .answer(let contentType, let body):
            caller.receive(.success(PluginResponse(body: body, contentType: contentType)))
        case .call(let endpoint, let timeout):
            if let body = passed.body {
                call(endpoint, timeout, request, body, passed, of: exchange, for: caller)
                return
            }
            let connection = NIOLoopBound(self, eventLoop: group.eventLoop)
            passed.incoming?.whenThere { body in
                connection.value.call(
                    endpoint, timeout, request, body, passed, of: exchange, for: caller)
            }
        }
    }

    private func call(
        _ endpoint: Endpoint, _ timeout: Duration?, _ request: RequestHead,
        _ body: Result<ByteBuffer, DispatchError>, _ passed: MiddlewareRequest,
        of exchange: HTTPExchange, for caller: any Caller
    ) {
        switch body {
        case .success(let body) where context != nil:
            var passed = passed
            passed.body = body
            call(endpoint, timeout, request, body, passed, of: exchange, for: caller)
        case .success:
            caller.receive(.failure(.callerGone))
        case .failure(let error):
            caller.receive(.failure(error))
        }
    }

    private func call(
        _ endpoint: Endpoint, _ timeout: Duration?, _ request: RequestHead, _ body: ByteBuffer,
        _ passed: MiddlewareRequest, of exchange: HTTPExchange, for caller: any Caller
    ) {
        var plan = CallPlan(request, body: body, timeout: timeout)
        plan.limit = passed.limit
        call(endpoint, plan, of: exchange, for: caller) { passed }
    }

    // MARK: The body

    func bodyIsWanted(by exchange: HTTPExchange) {
        guard case .receiving(let reception) = state,
            case .passing(let passing) = reception.course, passing.exchange === exchange,
            reception.request.expectsContinue, reception.request.isHTTP11,
            !passing.hasAskedForBody
        else { return }
        passing.hasAskedForBody = true
        askForBody()
    }

    func receive(_ bytes: ByteBuffer, of reception: Reception, _ passing: Passing) {
        let limit = passing.incoming.limit
        if reception.size > limit, !passing.isBodyTooLarge {
            passing.isBodyTooLarge = true
            reception.body = ByteBuffer()
        } else if passing.answer == nil, !passing.isBodyTooLarge {
            reception.append(bytes)
        }
        setDeadline(reception.start, transferring: reception.size)
        guard passing.isBodyTooLarge else { return }
        if let answer = passing.answer {
            finish(passing.exchange, answer)
        } else {
            passing.incoming.end(.failure(DispatchError(group.router.bodyTooLarge(limit))))
        }
    }

    /// The body is there.
    func end(_ reception: Reception, _ passing: Passing) {
        state = .calling(passing.exchange, isStreaming: false)
        for (parts, sent) in passing.parts { stream(parts, of: passing.exchange, sent: sent) }
        if let answer = passing.answer {
            finish(passing.exchange, answer)
        } else {
            passing.incoming.end(.success(reception.body))
        }
    }

    // MARK: Answers before the body has arrived

    /// Keeps an answer until the body has arrived; where the client waits to be asked for the body, or sends or
    /// announces too much of it, the answer is the connection's last.
    func finishEarly(
        _ exchange: HTTPExchange, _ result: Result<PluginResponse, DispatchError>,
        _ reception: Reception
    ) {
        guard case .passing(let passing) = reception.course else { return }
        let waitsForBody = reception.request.expectsContinue && !passing.hasAskedForBody
        let announced = reception.request.contentLength ?? 0
        guard passing.isBodyTooLarge || waitsForBody || announced > passing.incoming.limit else {
            passing.answer = result
            reception.body = ByteBuffer()
            return
        }
        answer(exchange, result, closing: true)
        flushIfNeeded()
    }

    /// Keeps parts of a streamed answer until the body has arrived.
    func keep(
        _ parts: [PluginResponse], of exchange: HTTPExchange, sent: @escaping @Sendable () -> Void
    ) -> Bool {
        guard case .receiving(let reception) = state,
            case .passing(let passing) = reception.course, passing.exchange === exchange
        else { return false }
        passing.parts.append((parts, sent))
        return true
    }
}

extension HTTPConnection.Reception {
    /// The exchange of a request that is passing through the stages.
    var exchange: HTTPExchange? {
        if case .passing(let passing) = course { passing.exchange } else { nil }
    }

    /// The rest of the body never comes, and the connection has nothing to say to the stages' answer any more. They are
    /// told all the same: what waits for the body would wait for ever, and hold itself.
    func giveUp(_ reason: DispatchError) {
        guard case .passing(let passing) = course else { return }
        passing.exchange.cancel()
        passing.incoming.end(.failure(reason))
    }
}

extension CallPlan {
    init(_ request: RequestHead, body: ByteBuffer, timeout: Duration?) {
        self.init(
            method: request.method, argument: body, contentType: request.contentType)
        self.timeout = timeout
    }
}

extension RequestHead {
    /// The request as middleware sees it.
    func seenByStages(
        by exchange: HTTPExchange, body: ByteBuffer? = nil, incoming: IncomingBody? = nil,
        remoteAddress: SocketAddress? = nil
    ) -> MiddlewareRequest {
        MiddlewareRequest(
            self, origin: .http, body: body, incoming: incoming, remoteAddress: remoteAddress,
            finalCaller: exchange)
    }

    /// The request that has come out of the chain.
    convenience init(_ passed: MiddlewareRequest, version: HTTPVersion) {
        let query = passed.query.isEmpty ? "" : "?\(passed.query)"
        self.init(
            HTTPRequestHead(
                version: version, method: HTTPMethod(rawValue: passed.httpMethod),
                uri: passed.path + query, headers: passed.headers))
    }
}

extension DispatchError {
    static let callerGone = DispatchError(.cancelled, "the caller went away")

    /// A refusal of the host's own, on its way out through the stages.
    init(_ problem: Problem) {
        self.init(
            .refused(httpStatus: Int(problem.status.code)), problem.detail,
            headers: problem.headers)
    }
}
