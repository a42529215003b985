internal import HTTPTypes
internal import HostHTTP
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// A connection of the admin API over TCP. Until a client has presented the token nothing of it is kept and nothing is
/// waited for without a limit; in front of Hummingbird, which trusts its clients.
struct AdminChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    /// How large a request's head may be, in bytes, and how many fields it may have.
    private static let maxHeadSize = 16 << 10
    private static let maxFieldCount = 64
    /// How long a connection may be open without a request.
    private static let idleTimeout: TimeAmount = .seconds(60)

    private let http: HTTP1Channel
    private let token: AdminToken

    init(responder: @escaping HTTPChannelHandler.Responder, token: AdminToken) {
        http = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                idleTimeout: Self.idleTimeout,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Self.maxHeadSize, maxHeaderListSize: Self.maxHeadSize,
                    maxHeaderFieldCount: Self.maxFieldCount)))
        self.token = token
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(AdminDoor(token), position: .after(decoder))
            try pipeline.addHandler(
                RequestSieveHandler(forPlainHTTPWithTargetsUpTo: Self.maxHeadSize), position: .first
            )
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}

/// Lets the bodies of those pass who have the token. A request without it is the connection's last: its body is
/// dropped, the response says why, and the connection is closed. Who presents no token for a while is closed as well.
private final class AdminDoor: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long a client may take to present the token for the first time.
    private static let patience: TimeAmount = .seconds(20)
    /// How long a refused client has to read why.
    private static let closeTimeout: TimeAmount = .seconds(2)

    private let token: AdminToken
    private var isRefusing = false
    /// Requests that went in and were not answered yet.
    private var unanswered = 0
    private var timeout: Scheduled<Void>?

    init(_ token: AdminToken) {
        self.token = token
    }

    func handlerAdded(context: ChannelHandlerContext) {
        close(context.channel, in: Self.patience)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timeout?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefusing else { return }
        guard case .head(let head) = unwrapInboundIn(data) else {
            return context.fireChannelRead(data)
        }
        unanswered += 1
        let authorizations = head.headers["authorization"]
        if authorizations.count == 1, token.admits(authorizations[0]) {
            timeout?.cancel()
            context.fireChannelRead(data)
        } else {
            isRefusing = true
            context.fireChannelRead(data)
            context.fireChannelRead(wrapInboundOut(.end(nil)))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where isRefusing && unanswered == 1:
            head.headers.replaceOrAdd(name: "connection", value: "close")
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            unanswered -= 1
            guard isRefusing, unanswered == 0 else { return context.write(data, promise: promise) }
            context.writeAndFlush(data, promise: promise)
            context.close(mode: .output, promise: nil)
            close(context.channel, in: Self.closeTimeout)
        default:
            context.write(data, promise: promise)
        }
    }

    private func close(_ channel: any Channel, in time: TimeAmount) {
        timeout?.cancel()
        // Bound: one for each connection, taken back when it is let in.
        timeout = channel.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}
