internal import HostCore
internal import HostDispatch
internal import HostPipeline
internal import HostRouting
internal import NIOCore
internal import NIOHTTP1

/// Requests on their way through the host's middleware. They enter it whole if they came so, or else with their head
/// alone, and are routed when they leave it; what a stage answers before the body has arrived waits until it has.
extension HTTPConnection {
    /// A request that the stages have, and whose body is arriving.
    final class Passing {
        typealias Response = Result<CallResponse, DispatchError>

        let exchange: HTTPExchange
        let incoming: IncomingBody
        /// What there is to be sent when the body has arrived: parts of a streamed response, and its end.
        var parts: [(parts: [CallResponse], sent: @Sendable () -> Void)] = []
        var answer: Response?
        /// Why the rest of the body is not taken: the response can't wait for its end.
        var bodyRefusal: Problem?
        var hasAskedForBody = false

        init(exchange: HTTPExchange, incoming: IncomingBody) {
            self.exchange = exchange
            self.incoming = incoming
        }
    }

    /// Lets the stages see a request without its body, if they haven't seen it: there is nothing more for now.
    ///
    /// - Parameter problem: why the rest of the body is not taken: the response of whoever wants it.
    func passHead(refusing problem: Problem? = nil) {
        guard case .receiving(let inbound) = state, case .unseen = inbound.disposition
        else { return }
        let exchange = makeExchange(
            InboundRequest.Whole(
                inbound.request, inbound.routes, inbound.allowance, ByteBuffer()))
        let incoming = IncomingBody(limit: group.settings.maxBodySize) { exchange.wantBody() }
        let passing = Passing(exchange: exchange, incoming: incoming)
        inbound.disposition = .passing(passing)
        if let problem { refuseBody(of: inbound, passing, problem) }
        group.router.submit(
            inbound.request.seenByStages(
                by: exchange, incoming: incoming, remoteAddress: remoteAddress), from: exchange)
        // A stage may have lowered the limit below what is there already.
        if case .receiving(let current) = state, current === inbound {
            receive(ByteBuffer(), of: inbound, passing)
        }
    }

    // MARK: The body

    func bodyIsWanted(by exchange: HTTPExchange) {
        guard case .receiving(let inbound) = state,
            case .passing(let passing) = inbound.disposition, passing.exchange === exchange,
            inbound.request.expectsContinue, inbound.request.isHTTP11,
            !passing.hasAskedForBody
        else { return }
        passing.hasAskedForBody = true
        askForBody()
    }

    func receive(_ bytes: ByteBuffer, of inbound: InboundRequest, _ passing: Passing) {
        setDeadline(inbound.start, transferring: inbound.size)
        guard passing.bodyRefusal == nil else { return }
        let limit = passing.incoming.limit
        if inbound.size > limit {
            refuseBody(of: inbound, passing, group.rules.bodyTooLarge(limit))
        } else if passing.answer == nil, !inbound.append(bytes) {
            refuseBody(of: inbound, passing, group.rules.noRoomForBody)
        }
    }

    /// Takes no more of a body: whoever waits for it is refused, and the response is the connection's last.
    func refuseBody(of inbound: InboundRequest, _ passing: Passing, _ problem: Problem) {
        passing.bodyRefusal = problem
        inbound.dropBody()
        if let answer = passing.answer {
            finish(passing.exchange, answer)
        } else {
            if !passing.parts.isEmpty { respondWithoutBody(passing) }
            passing.incoming.end(.failure(DispatchError(problem)))
        }
    }

    /// The body is there.
    func end(_ inbound: InboundRequest, _ passing: Passing) {
        state = .calling(passing.exchange, isStreaming: false)
        for (parts, sent) in passing.parts { stream(parts, of: passing.exchange, sent: sent) }
        if let answer = passing.answer {
            finish(passing.exchange, answer)
        } else {
            passing.incoming.end(.success(inbound.body))
        }
    }

    // MARK: Responses before the body has arrived

    /// Keeps a response until the body has arrived; where the client waits to be asked for the body, or sends or
    /// announces too much of it, the response is the connection's last.
    func finishEarly(
        _ exchange: HTTPExchange, _ result: Result<CallResponse, DispatchError>,
        _ inbound: InboundRequest
    ) {
        guard case .passing(let passing) = inbound.disposition else { return }
        guard !takesBody(of: inbound, passing) else {
            guard passing.answer == nil else { return }
            passing.answer = result
            inbound.dropBody()
            // What waits for the body would wait for ever, and hold itself. What comes of that, nobody is told.
            passing.incoming.end(.failure(.callerGone))
            return
        }
        respondWithoutBody(passing)
        finish(exchange, result)
        passing.incoming.end(.failure(.callerGone))
    }

    /// Whether the rest of a body comes and is taken, so that a response can wait for it.
    private func takesBody(of inbound: InboundRequest, _ passing: Passing) -> Bool {
        let waitsToBeAsked = inbound.request.expectsContinue && !passing.hasAskedForBody
        let announced = inbound.request.contentLength ?? 0
        return passing.bodyRefusal == nil && !waitsToBeAsked && announced <= passing.incoming.limit
    }

    /// The response to a request whose body is not taken begins: the connection's last.
    private func respondWithoutBody(_ passing: Passing) {
        state = .calling(passing.exchange, isStreaming: false)
        isLastResponse = true
        deadline = .distantFuture
        for (parts, sent) in passing.parts { stream(parts, of: passing.exchange, sent: sent) }
    }

    /// Keeps parts of a streamed response until the body has arrived, if it is to arrive.
    func keep(
        _ parts: [CallResponse], of exchange: HTTPExchange, sent: @escaping @Sendable () -> Void
    ) -> Bool {
        guard case .receiving(let inbound) = state,
            case .passing(let passing) = inbound.disposition, passing.exchange === exchange
        else { return false }
        guard !takesBody(of: inbound, passing) else {
            passing.parts.append((parts, sent))
            return true
        }
        respondWithoutBody(passing)
        stream(parts, of: exchange, sent: sent)
        passing.incoming.end(.failure(.callerGone))
        return true
    }
}

extension HTTPConnection.InboundRequest {
    /// The exchange of a request that is passing through the stages.
    var exchange: HTTPExchange? {
        if case .passing(let passing) = disposition { passing.exchange } else { nil }
    }

    /// The rest of the body never comes, and the connection has nothing to say to the stages' response any more. They
    /// are told all the same: what waits for the body would wait for ever, and hold itself.
    func giveUp(_ reason: DispatchError) {
        guard case .passing(let passing) = disposition else { return }
        passing.exchange.cancel()
        passing.incoming.end(.failure(reason))
    }
}

extension RequestHead {
    /// The request as middleware sees it.
    func seenByStages(
        by exchange: HTTPExchange, body: ByteBuffer? = nil, incoming: IncomingBody? = nil,
        remoteAddress: SocketAddress? = nil
    ) -> Request {
        Request(
            self, origin: .http, body: body, incoming: incoming, remoteAddress: remoteAddress,
            originSink: exchange)
    }
}

extension DispatchError {
    /// A refusal of the host's own, on its way out through the stages.
    init(_ problem: Problem) {
        self.init(
            .refused(httpStatus: Int(problem.status.code)), problem.detail,
            headers: problem.headers)
    }
}
