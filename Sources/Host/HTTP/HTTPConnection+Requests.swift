internal import HostCore
internal import HostDispatch
internal import HostPipeline
internal import HostRouting
internal import NIOCore
internal import NIOHTTP1

/// How requests arrive, and where they go when they are there.
extension HTTPConnection {
    func begin(_ request: RequestHead) {
        let start = NIODeadline.now()
        hasPartialHead = false
        setDeadline(start, transferring: 0)
        let routes = group.routes.snapshot
        let malformation = group.rules.malformation(of: request)
        let refusal = malformation == nil ? refusalAtHead(of: request) : nil
        let disposition: InboundRequest.Disposition
        if let problem = malformation {
            disposition = .refused(problem)
        } else if routes.chain != nil, !group.router.isProbe(request) {
            if group.router.isUnknown(request, in: routes),
                waitsForArrival(request)
            {
                return
            }
            disposition = .unseen
        } else if let refusal {
            disposition = .refused(refusal)
        } else {
            let resolution = group.router.resolve(request, in: routes)
            if case .refused(let error) = resolution {
                if error.httpStatus == 404, waitsForArrival(request) { return }
                disposition = .refused(Problem(error))
            } else {
                disposition = .resolved(resolution)
            }
        }
        hasWaitedForArrival = false
        let allowance = request.announcesBody ? BodyAllowance(group.budget) : nil
        let inbound = InboundRequest(
            request, routes, allowance, start: start, disposition: disposition)
        state = .receiving(inbound)
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
        if request.isPlain { receiveArrivedBody(of: inbound) }
    }

    /// Of a request that was read here, with its body or without.
    private func receiveArrivedBody(of inbound: InboundRequest) {
        guard let body = inbound.request.body else {
            inbound.bytesLeft = inbound.request.contentLength ?? 0
            return
        }
        if body.readableBytes > 0 { receive(body) }
        end()
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
        let request = inbound.request
        deadline = .distantFuture
        switch inbound.disposition {
        case .refused(let problem):
            refuse(problem, request)
        case .resolved(.refused(let error)):
            refuse(Problem(error), request)
        case .resolved(.answer(let response)):
            respond(
                to: request, .ok, contentType: response.contentType, body: response.body)
        case .resolved(.document(let kind)):
            let exchange = makeExchange(inbound)
            state = .calling(exchange, isStreaming: false)
            group.router.send(kind, to: request, of: exchange, for: exchange)
        case .resolved(.call(let endpoint, let timeout)):
            let exchange = makeExchange(inbound)
            state = .calling(exchange, isStreaming: false)
            group.router.call(
                endpoint, timeout, request, inbound.body, of: exchange, for: exchange
            ) {
                request.seenByStages(
                    by: exchange, body: inbound.body, remoteAddress: self.remoteAddress)
            }
        case .unseen:
            let exchange = makeExchange(inbound)
            state = .calling(exchange, isStreaming: false)
            group.router.submit(
                request.seenByStages(
                    by: exchange, body: inbound.body, remoteAddress: remoteAddress),
                from: exchange)
        case .passing(let passing):
            end(inbound, passing)
        }
    }

    func makeExchange(_ inbound: InboundRequest) -> HTTPExchange {
        HTTPExchange(
            inbound.request, inbound.routes, inbound.allowance, from: remoteAddress,
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
