internal import HostCore
internal import HostDispatch
internal import HostPipeline
internal import HostRouting
internal import NIOCore
internal import NIOHTTP1

/// How requests arrive, and where they go when they are there.
extension HTTPConnection {
    func begin(_ request: RequestHead) {
        hasPartialHead = false
        let routes = group.routes.snapshot
        let malformation = request.isPlain ? nil : group.rules.malformation(of: request)
        let refusal = malformation == nil ? refusalAtHead(of: request) : nil
        guard let disposition = disposition(of: request, in: routes, malformation, refusal) else {
            return
        }
        hasWaitedForArrival = false
        if refusal == nil, let body = request.body {
            deadline = .distantFuture
            return handOn(disposition, InboundRequest.Whole(request, routes, nil, body))
        }
        receive(request, routes, disposition, refusing: refusal)
    }

    /// What becomes of a request; nil: it waits for a plugin that is on its way.
    private func disposition(
        of request: RequestHead, in routes: RouteSnapshot, _ malformation: Problem?,
        _ refusal: Problem?
    ) -> InboundRequest.Disposition? {
        if let malformation { return .refused(malformation) }
        if routes.chain != nil, !group.router.isProbe(request) {
            let waits = group.router.isUnknown(request, in: routes) && waitsForArrival(request)
            return waits ? nil : .unseen
        }
        if let refusal { return .refused(refusal) }
        let resolution = group.router.resolve(request, in: routes)
        guard case .refused(let error) = resolution else { return .resolved(resolution) }
        if error.httpStatus == 404, waitsForArrival(request) { return nil }
        return .refused(Problem(error))
    }

    /// A request whose body is on its way, or may be.
    private func receive(
        _ request: RequestHead, _ routes: RouteSnapshot, _ disposition: InboundRequest.Disposition,
        refusing refusal: Problem?
    ) {
        let start = NIODeadline.now()
        setDeadline(start, transferring: 0)
        let allowance = request.announcesBody ? BodyAllowance(group.budget) : nil
        let inbound = InboundRequest(
            request, routes, allowance, start: start, disposition: disposition)
        state = .receiving(inbound)
        if request.isPlain { inbound.bytesLeft = request.contentLength ?? 0 }
        switch disposition {
        case .unseen:
            // The stages see the refusal.
            if let refusal { passHead(refusing: refusal) }
        case .refused(let problem)
        where problem.closesConnection || request.expectsContinue:
            refuse(problem, request)
        default:
            if request.expectsContinue && request.isHTTP11 { askForBody() }
        }
    }

    /// Why the rest of a request is not waited for, if its head has a reason.
    private func refusalAtHead(of request: RequestHead) -> Problem? {
        if let problem = group.rules.refusal(of: request) { return problem }
        guard let size = request.contentLength, size > 0, !group.budget.hasRoom(for: size) else {
            return nil
        }
        return group.rules.noRoomForBody
    }

    /// The client waits to be asked for the body.
    func askForBody() {
        var buffer = group.allocator.buffer(capacity: 32)
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        write(buffer)
        flushIfNeeded()
    }

    func receive(_ bytes: ByteBuffer) {
        guard case .receiving(let inbound) = state else { return }
        inbound.size += bytes.readableBytes
        let isTooLarge = inbound.size > group.settings.maxBodySize
        switch inbound.disposition {
        case .passing(let passing):
            receive(bytes, of: inbound, passing)
            return
        case .unseen:
            // The stages see the refusal.
            if isTooLarge { return passHead(refusing: group.rules.bodyTooLarge) }
            if !inbound.append(bytes) { return passHead(refusing: group.rules.noRoomForBody) }
        case .resolved(.call):
            if isTooLarge { return refuse(group.rules.bodyTooLarge, inbound.request) }
            if !inbound.append(bytes) {
                return refuse(group.rules.noRoomForBody, inbound.request)
            }
        case .refused, .resolved:
            if isTooLarge { return refuse(group.rules.bodyTooLarge, inbound.request) }
        }
        setDeadline(inbound.start, transferring: inbound.size)
    }

    func end() {
        guard case .receiving(let inbound) = state else { return }
        deadline = .distantFuture
        if case .passing(let passing) = inbound.disposition { return end(inbound, passing) }
        handOn(
            inbound.disposition,
            InboundRequest.Whole(
                inbound.request, inbound.routes, inbound.allowance, inbound.body))
    }

    /// All of a request is there.
    private func handOn(
        _ disposition: InboundRequest.Disposition, _ whole: consuming InboundRequest.Whole
    ) {
        let request = whole.request
        switch disposition {
        case .refused(let problem):
            refuse(problem, request)
        case .resolved(.refused(let error)):
            refuse(Problem(error), request)
        case .resolved(.answer(let response)):
            respond(to: request, response)
        case .resolved(.document(let kind)):
            let exchange = makeExchange(whole)
            state = .calling(exchange, isStreaming: false)
            group.router.send(kind, to: request, of: exchange, for: exchange)
        case .resolved(.call(let endpoint, let timeout)):
            let exchange = makeExchange(whole)
            state = .calling(exchange, isStreaming: false)
            group.router.call(
                endpoint, timeout, request, whole.body, of: exchange, for: exchange
            ) {
                request.seenByStages(
                    by: exchange, body: whole.body, remoteAddress: self.remoteAddress)
            }
            offerSocket(for: exchange)
        case .unseen:
            let exchange = makeExchange(whole)
            state = .calling(exchange, isStreaming: false)
            group.router.submit(
                request.seenByStages(
                    by: exchange, body: whole.body, remoteAddress: remoteAddress),
                from: exchange)
            offerSocket(for: exchange)
        case .passing:
            preconditionFailure("the stages have the request already")
        }
    }

    func makeExchange(_ whole: InboundRequest.Whole) -> HTTPExchange {
        HTTPExchange(
            whole.request, whole.routes, whole.allowance, of: group.budget, from: remoteAddress,
            on: NIOLoopBound(self, eventLoop: group.eventLoop), answers: group.answers)
    }

    func refuse(malformed error: any Error) {
        let problem: Problem =
            switch error {
            case let problem as Problem: problem
            case HTTPParserError.headerOverflow:
                Problem(
                    .requestHeaderFieldsTooLarge,
                    "the request head is over the limit of \(group.settings.maxHeaderSize) bytes or "
                        + "\(IngressSettings.maxHeaderCount) fields",
                    closesConnection: true)
            // `paused` is what the decoder makes of the HTTP/2 preface.
            case HTTPParserError.invalidVersion, HTTPParserError.paused:
                Problem(
                    .httpVersionNotSupported, "this port speaks HTTP/1.1 and HTTP/1.0",
                    closesConnection: true)
            default:
                Problem(
                    .badRequest, "the request is not valid HTTP/1.1: \(error)",
                    closesConnection: true)
            }
        refuse(problem, nil)
    }
}

/// Requests for a plugin whose library has just been put in place.
extension HTTPConnection {
    /// Lets a request wait for the plugin that its path may be of, if one is on its way. Once for each request.
    ///
    /// - Returns: whether it waits; then it is begun anew.
    func waitsForArrival(_ request: RequestHead) -> Bool {
        guard !hasWaitedForArrival else { return false }
        let connection = NIOLoopBound(self, eventLoop: group.eventLoop)
        let eventLoop = group.eventLoop
        let isOnItsWay = group.routes.arrivals.wait(for: request.path) {
            eventLoop.execute { connection.value.goOn() }
        }
        if isOnItsWay { hold(request) }
        return isOnItsWay
    }
}
