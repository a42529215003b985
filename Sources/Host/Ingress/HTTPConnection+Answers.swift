internal import HostDispatch
internal import HostPlugins
internal import Logging
internal import NIOCore
internal import NIOHTTP1

#if canImport(Glibc)
internal import Glibc
#endif

/// How answers are written. The state when these are called: the request that is answered has arrived, or never will.
extension HTTPConnection {
    /// Bodies up to this size are copied behind their head, into one write.
    private static let copiedBodySize = 16 << 10

    func respond(
        to request: RequestHead, _ status: HTTPResponseStatus, contentType: String,
        body: ByteBuffer,
        headers: [(name: String, value: String)] = [], closing: Bool = false
    ) {
        let keepAlive = keepAlive(request, closing: closing)
        let size = body.readableBytes
        let mayHaveBody = status.code >= 200 && status.code != 204 && status.code != 304
        let isCopied = size <= Self.copiedBodySize
        var buffer = group.allocator.buffer(capacity: 256 + (isCopied ? size : 0))
        group.encoder.encodeHead(
            status: status, contentType: contentType,
            framing: mayHaveBody ? .length(size) : .none, headers: headers, keepAlive: keepAlive,
            into: &buffer)
        let hasBody = mayHaveBody && request.head.method != .HEAD
        if hasBody && isCopied { buffer.writeImmutableBuffer(body) }
        write(buffer)
        if hasBody && !isCopied { write(body) }
        finishAnswer(keepAlive)
    }

    func refuse(_ problem: Problem, _ request: RequestHead?, requestID: String? = nil) {
        let id = requestID ?? request?.requestID ?? RequestID.make()
        if problem.status.code >= 500 {
            group.logger.warning(
                "\(problem.detail)",
                metadata: [
                    "status": "\(problem.status.code)", "request_id": "\(id)",
                    "path": "\(request?.path ?? "")",
                ])
        }
        let head = request ?? RequestHead(HTTPRequestHead(version: .http1_1, method: .GET, uri: ""))
        // A client that waits for "100 Continue" may or may not send the body after a refusal: it can't be told where
        // the next request begins.
        var reception: Reception?
        if case .receiving(let current) = state { reception = current }
        let isUnfinished =
            problem.closesConnection || reception?.request.expectsContinue ?? false
        respond(
            to: head, problem.status, contentType: Problem.contentType,
            body: problem.body(requestID: id), headers: problem.headers(requestID: id),
            closing: isUnfinished)
        if isUnfinished { reception?.giveUp(DispatchError(problem)) }
    }

    // MARK: Streams

    /// Writes parts of the streamed answer to the call that is under way.
    ///
    /// - Parameters:
    ///   - parts: one at least.
    ///   - sent: called when the parts have left for the client, or never will.
    func stream(
        _ parts: [PluginResponse], of exchange: HTTPExchange, sent: @escaping @Sendable () -> Void
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

    func finishStream(_ exchange: HTTPExchange, _ result: Result<PluginResponse, DispatchError>) {
        switch result {
        case .success(let last):
            let framing = streamFraming(exchange.request)
            var buffer = group.allocator.buffer(capacity: 16 + last.body.readableBytes)
            encode(last.body, framing, exchange.request, into: &buffer)
            if case .chunked = framing, exchange.request.head.method != .HEAD {
                ResponseEncoder.encodeLastChunk(into: &buffer)
            }
            write(buffer)
            finishAnswer(keepAlive(exchange.request, closing: framing.isUntilClose))
        case .failure(let error):
            // The status is out: a body that breaks off is the only way left to say that it is not whole.
            group.logger.warning(
                "a streamed answer broke off: \(error.message)",
                metadata: ["request_id": "\(exchange.requestID)"])
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
            closeAfterAnswer()
        }
    }

    private func encode(
        _ body: ByteBuffer, _ framing: ResponseEncoder.Framing, _ request: RequestHead,
        into buffer: inout ByteBuffer
    ) {
        // A chunk of no bytes would end the body.
        guard body.readableBytes > 0, request.head.method != .HEAD else { return }
        switch framing {
        case .chunked: ResponseEncoder.encodeChunk(body, into: &buffer)
        case .length, .untilClose: buffer.writeImmutableBuffer(body)
        case .none: break
        }
    }

    private func streamFraming(_ request: RequestHead) -> ResponseEncoder.Framing {
        request.isHTTP11 ? .chunked : .untilClose
    }

    // MARK: After the answer

    private func keepAlive(_ request: RequestHead, closing: Bool) -> ResponseEncoder.KeepAlive {
        guard !closing, !group.isDraining, request.head.isKeepAlive, !request.asksForOtherProtocol
        else { return .no }
        return request.isHTTP11 ? .implied : .announced
    }

    private func finishAnswer(_ keepAlive: ResponseEncoder.KeepAlive) {
        if case .no = keepAlive {
            closeAfterAnswer()
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
