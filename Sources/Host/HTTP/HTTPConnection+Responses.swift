internal import HostCore
internal import HostLogging
internal import Logging
internal import NIOCore
internal import NIOHTTP1

#if canImport(Glibc)
internal import Glibc
#endif

/// How responses are written. The state when these are called: the request that is answered has arrived, or never will.
extension HTTPConnection {
    func respond(to request: RequestHead, _ response: CallResponse, closing: Bool = false) {
        let keepAlive = keepAlive(request, closing: closing)
        let isCopied = response.body.readableBytes <= ResponseEncoder.copiedBodySize
        var buffer = group.takeOutput(room: 256 + (isCopied ? response.body.readableBytes : 0))
        let body = group.encoder.encode(response, to: request, keepAlive: keepAlive, into: &buffer)
        write(buffer)
        group.keepOutput(buffer)
        if let body { write(body) }
        finishResponse(keepAlive)
    }

    func refuse(_ problem: Problem, _ request: RequestHead?, requestID: String? = nil) {
        let id = requestID ?? request?.requestID ?? RequestID.make()
        if problem.status.code >= 500 { log(problem, request, requestID: id) }
        let head = request ?? RequestHead(HTTPRequestHead(version: .http1_1, method: .GET, uri: ""))
        // A client that waits for "100 Continue" may or may not send the body after a refusal: it can't be told where
        // the next request begins.
        var inbound: InboundRequest?
        if case .receiving(let current) = state { inbound = current }
        let isUnfinished =
            problem.closesConnection || inbound?.request.expectsContinue ?? false
        let response = CallResponse(
            status: Int(problem.status.code), body: problem.body(requestID: id),
            contentType: problem.contentType, headers: problem.headers(requestID: id))
        respond(to: head, response, closing: isUnfinished)
        if isUnfinished { inbound?.giveUp(DispatchError(problem)) }
    }

    /// Some of each status and backend: under overload each call would write a line.
    private func log(_ problem: Problem, _ request: RequestHead?, requestID: String) {
        let status = String(problem.status.code)
        group.failures.log(
            failure("HTTP \(status)", of: problem.call, status: status), problem.detail,
            metadata: [
                "request_id": requestID, "path": request?.path ?? "",
                "method": problem.call?.method,
            ].compactMapValues { $0 })
    }

    private func failure(
        _ name: String, of call: FailedCall?, status: String?
    ) -> LineBudget.Kind {
        LineBudget.Kind(
            name,
            metadata: ["backend": call?.backend, "plugin": call?.plugin, "status": status]
                .compactMapValues { $0 })
    }

    // MARK: Streams

    /// Writes parts of the streamed response to the call that is under way.
    ///
    /// - Parameters:
    ///   - parts: one at least.
    ///   - sent: called when the parts have left for the client, or never will.
    func stream(
        _ parts: [CallResponse], of exchange: HTTPExchange, sent: @escaping @Sendable () -> Void
    ) {
        guard case .calling(let current, let isStreaming) = state, current === exchange, let context
        else {
            if !keep(parts, of: exchange, sent: sent) { sent() }
            return
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in sent() }
        let size = parts.reduce(256) { $0 + $1.body.readableBytes + 12 }
        var buffer = group.allocator.buffer(capacity: size)
        let framing = streamFraming(exchange.request)
        if !isStreaming {
            state = .calling(current, isStreaming: true)
            group.encoder.encodeHead(
                status: HTTPResponseStatus(statusCode: parts[0].status),
                contentType: parts[0].contentType, framing: framing,
                headers: parts[0].headers,
                keepAlive: keepAlive(exchange.request, closing: framing.isUntilClose), into: &buffer
            )
        }
        for part in parts { encode(part.body, framing, exchange.request, into: &buffer) }
        write(buffer, promise: promise)
        flushIfNeeded()
    }

    func finishStream(_ exchange: HTTPExchange, _ result: Result<CallResponse, DispatchError>) {
        switch result {
        case .success(let last):
            let framing = streamFraming(exchange.request)
            var buffer = group.allocator.buffer(capacity: 16 + last.body.readableBytes)
            encode(last.body, framing, exchange.request, into: &buffer)
            if case .chunked = framing, !exchange.request.isHEAD {
                ResponseEncoder.encodeLastChunk(
                    exchange.request.takesTrailers ? last.trailers : [], into: &buffer)
            }
            write(buffer)
            finishResponse(keepAlive(exchange.request, closing: framing.isUntilClose))
        case .failure(let error):
            // The status is out: a body that breaks off is the only way left to say that it is not whole.
            group.failures.log(
                failure("a streamed response broke off", of: error.call, status: nil),
                "a streamed response broke off: \(error.message)",
                metadata: [
                    "request_id": exchange.requestID, "method": error.call?.method,
                ].compactMapValues { $0 })
            breakOff(streamFraming(exchange.request))
        }
    }

    /// Ends the connection so that the client sees that the body is not whole: without the last chunk, or, where the
    /// end of the connection is the end of the body, with a reset (RFC 9112, section 8).
    private func breakOff(_ framing: ResponseEncoder.Framing) {
        if framing.isUntilClose {
            _ = (context?.channel as? any SocketOptionProvider)?
                .setSoLinger(linger(l_onoff: 1, l_linger: 0))
            close()
        } else {
            closeAfterResponse()
        }
    }

    private func encode(
        _ body: ByteBuffer, _ framing: ResponseEncoder.Framing, _ request: RequestHead,
        into buffer: inout ByteBuffer
    ) {
        // A chunk of no bytes would end the body.
        guard body.readableBytes > 0, !request.isHEAD else { return }
        switch framing {
        case .chunked: ResponseEncoder.encodeChunk(body, into: &buffer)
        case .length, .untilClose: buffer.writeImmutableBuffer(body)
        case .none: break
        }
    }

    private func streamFraming(_ request: RequestHead) -> ResponseEncoder.Framing {
        request.isHTTP11 ? .chunked : .untilClose
    }

    // MARK: After the response

    /// Whether the client takes one more response after this one, and nothing need be said of it.
    func staysOpen(after request: RequestHead) -> Bool {
        keepAlive(request, closing: false) == .implied
    }

    private func keepAlive(_ request: RequestHead, closing: Bool) -> ResponseEncoder.KeepAlive {
        guard !closing, !isLastResponse, !group.isDraining, request.isKeepAlive,
            !request.asksForOtherProtocol
        else { return .no }
        return request.isHTTP11 ? .implied : .announced
    }

    private func finishResponse(_ keepAlive: ResponseEncoder.KeepAlive) {
        if case .no = keepAlive {
            closeAfterResponse()
        } else {
            waitForRequest()
        }
    }
}

extension ResponseEncoder.Framing {
    var isUntilClose: Bool {
        if case .untilClose = self { true } else { false }
    }

    var isNone: Bool {
        if case .none = self { true } else { false }
    }
}
