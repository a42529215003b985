internal import HostControl
internal import HostDispatch
internal import HostMiddleware
internal import HostPlugins
internal import NIOCore
internal import NIOHTTP1

/// Requests on their way through the host's middleware. They enter it when their head is there, and are routed when
/// they leave it; what a stage answers before the body has arrived waits until it has.
extension HTTPConnection {
    /// A request that the stages have, and whose body is arriving.
    ///
    /// An object, so that the connection's state stays small: it is copied at every step.
    final class Passing {
        typealias Answer = Result<PluginResponse, DispatchError>

        let exchange: HTTPExchange
        let incoming: IncomingBody
        /// What has arrived of the body. Here, where it has one owner while it grows.
        var body = ByteBuffer()
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

    func pass(_ request: RequestHead, through chain: MiddlewareChain, start: NIODeadline) {
        let eventLoop = context!.eventLoop
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        let exchange = HTTPExchange(request, on: connection, answers: group.answers)
        let incoming = IncomingBody(limit: group.settings.maxBodySize) {
            eventLoop.run { connection.value.bodyIsWanted(by: exchange) }
        }
        state = .receiving(
            Reception(
                request: request,
                course: .passing(Passing(exchange: exchange, incoming: incoming)), start: start))
        let seen = request.seenByStages(
            by: exchange, incoming: incoming, remoteAddress: context?.channel.remoteAddress)
        chain.run(seen, for: exchange) { request, caller in
            eventLoop.run { connection.value.route(request, of: exchange, for: caller) }
        }
        flushIfNeeded()
    }

    /// A request has come out of the chain.
    private func route(
        _ passed: MiddlewareRequest, of exchange: HTTPExchange, for caller: any Caller
    ) {
        let connection = NIOLoopBound(self, eventLoop: context?.eventLoop ?? group.eventLoop)
        var request = exchange.request
        if passed.isHeadChanged {
            request = RequestHead(passed, version: request.head.version)
            exchange.replaceRequest(request)
        }
        switch group.router.resolve(request, isDraining: group.isDraining) {
        case .problem(let problem):
            caller.receive(.failure(DispatchError(problem)))
        case .answer(let contentType, let body):
            caller.receive(.success(PluginResponse(body: body, contentType: contentType)))
        case .call(let endpoint, let timeout):
            var plan = CallPlan(request, body: ByteBuffer())
            plan.timeout = timeout
            plan.limit = passed.limit
            guard let body = passed.body else {
                passed.incoming?.whenThere { [plan] body in
                    connection.value.call(
                        endpoint, plan, body, passed, of: exchange, for: caller)
                }
                return
            }
            call(endpoint, plan, .success(body), passed, of: exchange, for: caller)
        }
    }

    private func call(
        _ endpoint: Endpoint, _ plan: CallPlan, _ body: Result<ByteBuffer, DispatchError>,
        _ passed: MiddlewareRequest, of exchange: HTTPExchange, for caller: any Caller
    ) {
        switch body {
        case .success(let body) where context != nil:
            var (plan, passed) = (plan, passed)
            plan.argument = body
            passed.body = body
            call(endpoint, plan, of: exchange, for: caller) { passed }
        case .success:
            caller.receive(.failure(.callerGone))
        case .failure(let error):
            caller.receive(.failure(error))
        }
    }

    // MARK: The body

    private func bodyIsWanted(by exchange: HTTPExchange) {
        guard case .receiving(let reception) = state,
            case .passing(let passing) = reception.course, passing.exchange === exchange,
            reception.request.expectsContinue, reception.request.isHTTP11,
            !passing.hasAskedForBody
        else { return }
        passing.hasAskedForBody = true
        askForBody()
    }

    func receive(_ bytes: ByteBuffer, passing reception: Reception) {
        guard case .passing(let passing) = reception.course else { return }
        let limit = passing.incoming.limit
        if reception.size > limit, !passing.isBodyTooLarge {
            passing.isBodyTooLarge = true
            passing.body = ByteBuffer()
        } else if passing.answer == nil, !passing.isBodyTooLarge {
            if passing.body.readableBytes == 0 {
                passing.body = bytes
            } else {
                passing.body.writeImmutableBuffer(bytes)
            }
        }
        setDeadline(reception.start, transferring: reception.size)
        state = .receiving(reception)
        guard passing.isBodyTooLarge else { return }
        if let answer = passing.answer {
            finish(passing.exchange, answer)
        } else {
            passing.incoming.end(.failure(DispatchError(group.router.bodyTooLarge(limit))))
        }
    }

    /// The body is there.
    func end(_ passing: Passing) {
        state = .calling(passing.exchange, isStreaming: false)
        for (parts, sent) in passing.parts { stream(parts, of: passing.exchange, sent: sent) }
        if let answer = passing.answer {
            finish(passing.exchange, answer)
        } else {
            passing.incoming.end(.success(passing.body))
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
            passing.body = ByteBuffer()
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
    init(_ request: RequestHead, body: ByteBuffer) {
        self.init(
            method: request.callMethod ?? PluginDescriptor.defaultMethod, argument: body,
            contentType: request.contentType)
    }
}

extension RequestHead {
    /// The request as middleware sees it.
    func seenByStages(
        by exchange: HTTPExchange, body: ByteBuffer? = nil, incoming: IncomingBody? = nil,
        remoteAddress: SocketAddress? = nil
    ) -> MiddlewareRequest {
        var request = MiddlewareRequest(
            origin: .http, httpMethod: head.method.rawValue, path: String(path),
            query: String(query), headers: head.headers,
            method: callMethod ?? PluginDescriptor.defaultMethod, contentType: contentType,
            shardKey: shardKey, body: body, incoming: incoming, remoteAddress: remoteAddress)
        request.finalCaller = exchange
        return request
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
