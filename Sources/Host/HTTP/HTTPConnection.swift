internal import HostCore
internal import HostPipeline
internal import HostRouting
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// One client's connection: takes requests one after the other, and answers them in that order.
///
/// What a client pipelines behind a request waits here until that one is answered. As long as something waits, nothing
/// more is read from the socket, so a client can't make the host hold more than one read's worth. Confined to its
/// event loop.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    ///     waiting ──head──▶ receiving ──end──▶ calling ──response──▶ waiting
    ///      ▲   │               └─ last response ──▶┘ │
    /// goOn │   │ hold                              └─ last response, error, close ──▶ closing
    ///      └───┘                                      (from each of them)
    enum State {
        /// For the next request.
        case waiting
        /// The request's body, all of it in memory before the plugin sees it.
        case receiving(InboundRequest)
        /// The plugin has the call, or middleware the request.
        case calling(HTTPExchange, isStreaming: Bool)
        /// The last response is written; what still comes is dropped.
        case closing
    }

    /// A request that is arriving.
    ///
    /// An object, so that the connection's state stays small: it is copied at every step.
    final class InboundRequest {
        /// What becomes of it when it is there.
        enum Disposition {
            /// Nobody sees it but this connection.
            case refused(Problem)
            case resolved(Router.Resolution)
            /// The host's middleware will see it: at its end, if that comes with this read, or else before.
            case unseen
            /// It is on its way through the host's middleware.
            case passing(Passing)
        }

        /// A request that is there.
        struct Whole {
            let request: RequestHead
            /// What there was to call when the request came.
            let routes: RouteSnapshot
            /// What the body has taken of the host's memory; nil: nothing but what the connection has anyway.
            let allowance: BodyAllowance?
            let body: ByteBuffer

            init(
                _ request: RequestHead, _ routes: RouteSnapshot, _ allowance: BodyAllowance?,
                _ body: ByteBuffer
            ) {
                self.request = request
                self.routes = routes
                self.allowance = allowance
                self.body = body
            }
        }

        let request: RequestHead
        /// What there was to call when the request came.
        let routes: RouteSnapshot
        let start: NIODeadline
        var disposition: Disposition
        /// What has arrived of the body, as far as anybody wants it. Here it has one owner while it grows.
        private(set) var body = ByteBuffer()
        /// How many bytes of the body have arrived.
        var size = 0
        /// How many are to come. The decoder says when the body ends of those that it has read.
        var bytesLeft = 0
        /// What the body has taken of the host's memory; nil: there is none.
        let allowance: BodyAllowance?
        var progress: UploadProgress

        init(
            _ request: RequestHead, _ routes: RouteSnapshot, _ allowance: BodyAllowance?,
            start: NIODeadline, disposition: Disposition
        ) {
            self.request = request
            self.routes = routes
            self.allowance = allowance
            self.start = start
            self.disposition = disposition
            progress = UploadProgress(start: start)
        }

        /// - Returns: false when the host has no room for the body any more.
        func append(_ bytes: ByteBuffer) -> Bool {
            if let allowance, !allowance.cover(size, announced: request.contentLength) {
                return false
            }
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
            return true
        }

        /// Nobody wants the body.
        func dropBody() {
            body = ByteBuffer()
            allowance?.release()
        }
    }

    /// What has arrived while another request was being answered.
    private enum Pending {
        case bytes(ByteBuffer)
        /// A request that was held.
        case request(RequestHead)
        case part(HTTPServerRequestPart)
        case malformed(any Error)
    }

    /// When the connection is given up, unless something happens.
    var deadline = NIODeadline.distantFuture
    var state = State.waiting
    let group: ConnectionGroup
    private(set) var context: ChannelHandlerContext?
    private var pending = CircularBuffer<Pending>()
    /// Whether requests are read here, and not by NIO's decoder.
    var isPlain = true
    /// The beginning of a head, and how often it has been read.
    var unread: ByteBuffer?
    var readings = 0
    /// Where the last request is, or was, as far as it is kept.
    var memory = ByteBuffer()
    private var isProcessing = false
    /// Whether the next request waits for a plugin that is on its way, and whether it has waited.
    private var isHeld = false
    var hasWaitedForArrival = false
    private var holdsRead = false
    private var needsFlush = false
    /// As the channel has it. What it costs to ask, it costs for each request several times.
    private var isWritable = true
    /// The client's. Asked for once.
    private(set) lazy var remoteAddress = context?.channel.remoteAddress
    /// Whether the read that is under way has completed a part of a request.
    private var readHasParts = false
    /// Whether a part of a request head has arrived.
    var hasPartialHead = false
    /// How many bytes of responses there have been, whether the client has taken them or not.
    private(set) var bytesWritten = 0
    /// Watches a client that has much to take, until it has taken it.
    var delivery: DeliveryPace?
    /// For a replica's thread that writes a response itself. Made for the second call for which it may.
    var socket: ResponseSocket?
    /// Whether there was the first one.
    var hasCalled = false
    /// Whether the client has been told that nothing comes any more.
    var isHalfClosed = false
    /// When it is closed from then on, whatever comes.
    var closeEnd = NIODeadline.distantFuture
    /// Whether the response that is under way is the connection's last: the rest of its request is not taken.
    var isLastResponse = false

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
        closeSocket()
        self.context = nil
        group.remove(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        abandon()
        closeSocket()
        pending.removeAll()
        isHeld = false
        deadline = .distantFuture
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isPlain { accept(.bytes(unwrapInboundIn(data))) } else { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(error) }

    /// What has come can't be read, or the connection has failed.
    func fail(_ error: any Error) {
        switch error {
        case is HTTPParserError, is Problem:
            accept(.malformed(error))
        case is ByteToMessageDecoderError, is ByteToMessageDecoderError.PayloadTooLargeError:
            // What comes behind a malformed request, or behind one that asked for another protocol: the response to
            // that one is the last.
            break
        default:
            if case .closing = state { return }
            group.logger.debug("connection failed: \(error)")
            context?.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes of which the decoder has made nothing begin a head.
        if case .waiting = state, pending.isEmpty, !isPlain, !readHasParts, !hasPartialHead {
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

    /// Whether nothing waits behind the request that is under way, nor in front of its response.
    var hasNothingQueued: Bool {
        pending.isEmpty && !needsFlush && isWritable && bytesBuffered == 0
    }

    /// A part of a request that NIO's decoder has read.
    func accept(_ part: HTTPServerRequestPart) {
        readHasParts = true
        accept(.part(part))
    }

    private func accept(_ item: Pending) {
        // What comes waits for the response that is under way: the loop must know when that is out.
        takeSocketBack()
        if case .closing = state { return stayForClose() }
        pending.append(item)
        process()
    }

    /// Works off what has arrived, until a call is under way.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while let item = nextPending() {
            switch item {
            case .bytes(let bytes): read(bytes)
            case .request(let request): begin(request)
            case .part(.head(let head)): begin(RequestHead(head))
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
            return isWritable && !isHeld ? pending.popFirst() : nil
        }
    }

    /// Puts a request back until ``goOn()``.
    func hold(_ request: RequestHead) {
        pending.prepend(.request(request))
        isHeld = true
    }

    /// Puts back what is behind the request that has been read.
    func putBack(_ bytes: ByteBuffer) {
        pending.prepend(.bytes(bytes))
    }

    /// What has arrived and not been read.
    func takeUnread() -> [ByteBuffer] {
        defer { pending.removeAll() }
        return pending.map { item in
            guard case .bytes(let bytes) = item else { preconditionFailure("two have read") }
            return bytes
        }
    }

    /// Begins with the request that was held.
    func goOn() {
        guard isHeld else { return }
        isHeld = false
        hasWaitedForArrival = true
        process()
        passHead()
        flushIfNeeded()
    }

    // MARK: Responses

    /// The response to the request that is under way.
    func finish(_ exchange: HTTPExchange, _ result: Result<CallResponse, DispatchError>) {
        _ = socket?.takeBack()
        switch state {
        case .calling(let current, let isStreaming) where current === exchange:
            if isStreaming {
                finishStream(exchange, result)
            } else {
                answer(exchange, result)
            }
            continueAfterCall()
        case .receiving(let inbound) where inbound.exchange === exchange:
            finishEarly(exchange, result, inbound)
        default: break
        }
    }

    func answer(_ exchange: HTTPExchange, _ result: Result<CallResponse, DispatchError>) {
        switch result {
        case .success(let response): respond(to: exchange.request, response)
        case .failure(let error):
            refuse(Problem(error), exchange.request, requestID: exchange.requestID)
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

    /// Bytes of a response that a replica's thread has written.
    func count(writtenElsewhere bytes: Int) { bytesWritten += bytes }

    func flushIfNeeded() {
        guard needsFlush, let context else { return }
        needsFlush = false
        context.flush()
        if !isWritable || hasUnsentStream { beginDelivery() }
    }

    /// Whether the kernel has yet to take parts of a stream. The channel may count as writable all the same, and the
    /// plugin that waits for them to leave writes nothing more: so it is up to the clock to see that they do.
    var hasUnsentStream: Bool {
        if case .calling(_, isStreaming: true) = state { bytesBuffered > 0 } else { false }
    }

    // MARK: The end

    /// Closes the connection if it has no request; if it has one, the response to that will be the last.
    func drain() {
        takeSocketBack()
        guard case .waiting = state, pending.isEmpty else { return }
        if bytesBuffered > 0 { closeAfterResponse() } else { close() }
    }

    /// Closes at once. Nobody waits for the response to a call that is under way.
    func close() {
        abandon()
        context?.close(promise: nil)
    }

    /// Closes after the last response has reached the client: says so, and reads on for a moment, because a close with
    /// unread bytes makes the kernel reset the connection and the client lose the response (RFC 9112, section 9.6).
    func closeAfterResponse() {
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

    /// Nobody waits for a response any more.
    private func abandon() {
        takeSocketBack()
        let last = state
        state = .closing
        switch last {
        case .calling(let exchange, _): exchange.cancel()
        case .receiving(let inbound): inbound.giveUp(.callerGone)
        case .waiting, .closing: break
        }
    }
}
