internal import HostControl
internal import HostDispatch
internal import HostMiddleware
internal import HostPlugins
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// One client's connection: takes requests one after the other, and answers them in that order.
///
/// What a client pipelines behind a request waits here until that one is answered. As long as something waits, nothing
/// more is read from the socket, so a client can't make the host hold more than one read's worth. Confined to its
/// event loop.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    ///     waiting ──head──▶ receiving ──end──▶ calling ──answer──▶ waiting
    ///        └───────────────┴─────── error, close ───┴──────────▶ closing
    enum State {
        /// For the next request.
        case waiting
        /// The request's body, all of it in memory before the plugin sees it.
        case receiving(Reception)
        /// The plugin has the call, or middleware the request.
        case calling(HTTPExchange, isStreaming: Bool)
        /// The last answer is written; what still comes is dropped.
        case closing
    }

    /// A request that is arriving.
    ///
    /// An object, so that the connection's state stays small: it is copied at every step.
    final class Reception {
        /// What becomes of it when it is there.
        enum Course {
            case resolved(Router.Resolution)
            /// The host's middleware will see it: at its end, if that comes with this read, or else before.
            case unseen(MiddlewareChain)
            /// It is on its way through the host's middleware.
            case passing(Passing)
        }

        let request: RequestHead
        let start: NIODeadline
        var course: Course
        /// What has arrived of the body, as far as anybody wants it. Here it has one owner while it grows.
        var body = ByteBuffer()
        /// How many bytes of the body have arrived.
        var size = 0

        init(_ request: RequestHead, start: NIODeadline, course: Course) {
            self.request = request
            self.start = start
            self.course = course
        }

        func append(_ bytes: ByteBuffer) {
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
        }
    }

    /// What has arrived while another request was being answered.
    private enum Pending {
        case part(HTTPServerRequestPart)
        case malformed(any Error)
    }

    /// When the connection is given up, unless something happens.
    var deadline = NIODeadline.distantFuture
    var state = State.waiting
    let group: ConnectionGroup
    private(set) var context: ChannelHandlerContext?
    private var pending = CircularBuffer<Pending>()
    private var isProcessing = false
    private var holdsRead = false
    private var needsFlush = false
    /// As the channel has it. What it costs to ask, it costs for each request several times.
    private var isWritable = true
    /// The client's. Asked for once.
    private(set) lazy var remoteAddress = context?.channel.remoteAddress
    /// Whether the read that is under way has completed a part of a request.
    private var readHasParts = false
    /// Whether a part of a request head has arrived.
    private(set) var hasPartialHead = false
    /// How many bytes of answers there have been, whether the client has taken them or not.
    private(set) var bytesWritten = 0
    /// Watches a client that has much to take, until it has taken it.
    var delivery: DeliveryPace?

    init(in group: ConnectionGroup) {
        self.group = group
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        group.insert(self)
        // A connection that never sends anything is a slow client, not an idle one.
        setDeadline(.now(), transferring: 0)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        group.remove(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        abandon()
        pending.removeAll()
        deadline = .distantFuture
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        readHasParts = true
        accept(.part(unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is HTTPParserError:
            accept(.malformed(error))
        case is ByteToMessageDecoderError, is ByteToMessageDecoderError.PayloadTooLargeError:
            // What comes behind a malformed request, or behind one that asked for another protocol: the answer to that
            // one is the last.
            break
        default:
            if case .closing = state { return }
            group.logger.debug("connection failed: \(error)")
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes that completed nothing begin a head.
        if case .waiting = state, pending.isEmpty, !readHasParts, !hasPartialHead {
            hasPartialHead = true
            setDeadline(.now(), transferring: 0)
        }
        readHasParts = false
        passHead()
        flushIfNeeded()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            endDelivery()
            process()
            passHead()
            // Also when this is part of a flush: that one doesn't know of what is written since it began.
            flushIfNeeded()
        }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        if isBusy {
            holdsRead = true
        } else {
            context.read()
        }
    }

    // MARK: Requests, one at a time

    /// Whether no more is read for now. While a call runs and nothing waits, reading goes on: to stop and start it
    /// costs two system calls.
    private var isBusy: Bool { !pending.isEmpty || !isWritable }

    private func accept(_ item: Pending) {
        if case .closing = state { return }
        pending.append(item)
        process()
    }

    /// Works off what has arrived, until a call is under way.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while let item = nextPending() {
            switch item {
            case .part(.head(let head)): begin(head)
            case .part(.body(let bytes)): receive(bytes)
            case .part(.end): end()
            case .malformed(let error):
                passHead()
                refuse(malformed: error)
            }
        }
        isProcessing = false
        if holdsRead && !isBusy {
            holdsRead = false
            context?.read()
        }
    }

    private func nextPending() -> Pending? {
        switch state {
        case .closing:
            pending.removeAll()
            return nil
        case .calling:
            return nil
        case .waiting, .receiving:
            return isWritable ? pending.popFirst() : nil
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        let request = RequestHead(head)
        let start = NIODeadline.now()
        hasPartialHead = false
        setDeadline(start, transferring: 0)
        let problem = group.router.malformation(of: request)
        if problem == nil, let chain = group.router.chain {
            state = .receiving(Reception(request, start: start, course: .unseen(chain)))
            return
        }
        let resolution =
            problem.map { .problem($0) }
            ?? group.router.resolve(request, isDraining: group.isDraining)
        state = .receiving(Reception(request, start: start, course: .resolved(resolution)))
        if case .problem(let problem) = resolution,
            problem.closesConnection || request.expectsContinue
        {
            refuse(problem, request)
        } else if request.expectsContinue && request.isHTTP11 {
            askForBody()
        }
    }

    /// The client waits to be asked for the body.
    func askForBody() {
        var buffer = group.allocator.buffer(capacity: 32)
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        write(buffer)
        flushIfNeeded()
    }

    private func receive(_ bytes: ByteBuffer) {
        guard case .receiving(let reception) = state else { return }
        reception.size += bytes.readableBytes
        let isTooLarge = reception.size > group.settings.maxBodySize
        // The stages see the refusal.
        if isTooLarge { passHead() }
        switch reception.course {
        case .passing(let passing):
            if case .receiving = state { receive(bytes, of: reception, passing) }
            return
        case .unseen, .resolved(.call):
            if isTooLarge { return refuse(group.router.bodyTooLarge, reception.request) }
            reception.append(bytes)
        case .resolved(.problem), .resolved(.answer):
            if isTooLarge { return refuse(group.router.bodyTooLarge, reception.request) }
        }
        setDeadline(reception.start, transferring: reception.size)
    }

    private func end() {
        guard case .receiving(let reception) = state else { return }
        let request = reception.request
        deadline = .distantFuture
        switch reception.course {
        case .resolved(.problem(let problem)):
            refuse(problem, request)
        case .resolved(.answer(let contentType, let body)):
            respond(to: request, .ok, contentType: contentType, body: body)
        case .resolved(.call(let endpoint, let timeout)):
            let exchange = makeExchange(request)
            state = .calling(exchange, isStreaming: false)
            let plan = CallPlan(request, body: reception.body, timeout: timeout)
            call(endpoint, plan, of: exchange, for: exchange) {
                request.seenByStages(
                    by: exchange, body: reception.body, remoteAddress: self.remoteAddress)
            }
        case .unseen(let chain):
            let exchange = makeExchange(request)
            state = .calling(exchange, isStreaming: false)
            pass(
                request.seenByStages(
                    by: exchange, body: reception.body, remoteAddress: remoteAddress),
                of: exchange, through: chain)
        case .passing(let passing):
            end(reception, passing)
        }
    }

    func makeExchange(_ request: RequestHead) -> HTTPExchange {
        HTTPExchange(
            request, on: NIOLoopBound(self, eventLoop: group.eventLoop), answers: group.answers)
    }

    /// Sends a call to the backend that the endpoint's traffic policy chooses, and copies to the shadows.
    ///
    /// - Parameters:
    ///   - caller: gets the answer, for the exchange.
    ///   - request: what the backends' middleware sees.
    func call(
        _ endpoint: Endpoint, _ plan: CallPlan, of exchange: HTTPExchange, for caller: any Caller,
        request: () -> MiddlewareRequest
    ) {
        let assignment = endpoint.assign(shardKey: exchange.shardKey)
        assignment.backend.enter(plan, for: caller, request: request) { call, backend in
            exchange.submit(call, to: backend)
        }
        for shadow in assignment.shadows {
            shadow.enterCopy(of: plan, from: caller, request: request) { call, backend in
                exchange.submit(copy: call, to: backend)
            }
        }
    }

    private func refuse(malformed error: any Error) {
        let problem: Problem =
            switch error {
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

    // MARK: Answers

    /// The answer to the request that is under way.
    func finish(_ exchange: HTTPExchange, _ result: Result<PluginResponse, DispatchError>) {
        switch state {
        case .calling(let current, let isStreaming) where current === exchange:
            if isStreaming {
                finishStream(exchange, result)
            } else {
                answer(exchange, result)
            }
            continueAfterCall()
        case .receiving(let reception) where reception.exchange === exchange:
            finishEarly(exchange, result, reception)
        default: break
        }
    }

    func answer(
        _ exchange: HTTPExchange, _ result: Result<PluginResponse, DispatchError>,
        closing: Bool = false
    ) {
        switch result {
        case .success(let response):
            respond(
                to: exchange.request, HTTPResponseStatus(statusCode: response.status),
                contentType: response.contentType, body: response.body, headers: response.headers,
                closing: closing)
        case .failure(let error):
            var problem = Problem(error)
            problem.closesConnection = closing
            refuse(problem, exchange.request, requestID: exchange.requestID)
        }
    }

    /// Goes on with what has arrived during the call, if this isn't part of doing so already.
    func continueAfterCall() {
        guard !isProcessing else { return }
        process()
        passHead()
        flushIfNeeded()
    }

    func waitForRequest() {
        state = .waiting
        hasPartialHead = false
        deadline = delivery?.deadline ?? .now() + TimeAmount(group.settings.idleTimeout)
    }

    func write(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        bytesWritten += buffer.readableBytes
        context?.write(wrapOutboundOut(buffer), promise: promise)
        needsFlush = true
    }

    func flushIfNeeded() {
        guard needsFlush, let context else { return }
        needsFlush = false
        context.flush()
        if !isWritable { beginDelivery() }
    }

    // MARK: The end

    /// Closes the connection if it has no request; if it has one, the answer to that will be the last.
    func drain() {
        guard case .waiting = state, pending.isEmpty else { return }
        if bytesBuffered > 0 { closeAfterAnswer() } else { close() }
    }

    /// Closes at once. Nobody waits for the answer to a call that is under way.
    func close() {
        abandon()
        context?.close(promise: nil)
    }

    /// Closes after the last answer has reached the client: says so, and reads on for a moment, because a close with
    /// unread bytes makes the kernel reset the connection and the client lose the answer (RFC 9112, section 9.6).
    func closeAfterAnswer() {
        state = .closing
        pending.removeAll()
        guard let context else { return }
        needsFlush = false
        context.flush()
        if bytesBuffered > 0 { beginDelivery() }
        context.close(mode: .output).assumeIsolated().whenComplete { _ in self.waitForClose() }
        if holdsRead {
            holdsRead = false
            context.read()
        }
    }

    /// Nobody waits for an answer any more.
    private func abandon() {
        let last = state
        state = .closing
        switch last {
        case .calling(let exchange, _): exchange.cancel()
        case .receiving(let reception): reception.giveUp(.callerGone)
        case .waiting, .closing: break
        }
    }
}
