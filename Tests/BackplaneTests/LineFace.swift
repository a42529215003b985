import Foundation
import HostCore
import HostDispatch
import HostRouting
import NIOConcurrencyHelpers
import NIOCore
import NIOFoundationEssentialsCompat
import NIOPosix

/// Another face than HTTP: requests and responses are lines of JSON on a socket, and many of them are under way on one
/// connection. It sees what every face sees, and nothing else of the host.
///
///     {"id": 1, "path": "/echo", "fields": {"x-a": "b"}, "body": "all of it"}
///     {"id": 2, "path": "/echo"}  {"id": 2, "data": "piece"}  {"id": 2, "last": true}
///     {"id": 1, "cancel": true}
///
/// A response has `status`, `type`, `body` and `trailers`; one that is streamed comes in lines with `part` before
/// that. What failed has `error`.
final class LineFace: Face {
    struct Line: Codable {
        var id: Int
        var verb: String?
        var path: String?
        var fields: [String: String]?
        var body: String?
        var data: String?
        var last: Bool?
        var cancel: Bool?
        var status: Int?
        var type: String?
        var part: String?
        var error: String?
        var trailers: [String: String]?
    }

    let router = Router()
    private let routes: RouteTable
    private let channel = NIOLockedValueBox<(any Channel)?>(nil)
    private let onStart: @Sendable (Int) -> Void
    private let isOver = Promise<Void>()

    init(_ routes: RouteTable, onStart: @escaping @Sendable (Int) -> Void) {
        self.routes = routes
        self.onStart = onStart
    }

    func start() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { [router, routes] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Connection(router: router, routes: routes, loop: channel.eventLoop))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLockedValue { $0 = channel }
        let port = channel.localAddress?.port ?? 0
        onStart(port)
        return port
    }

    func run() async {
        try? await channel.withLockedValue { $0 }?.closeFuture.get()
    }

    func stop() async throws { try await channel.withLockedValue { $0 }?.close() }

    final class Connection: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let router: Router
        private let routes: RouteTable
        private let loop: any EventLoop
        private var received = ByteBuffer()
        private var exchanges: [Int: LineExchange] = [:]
        private var context: ChannelHandlerContext?

        init(router: Router, routes: RouteTable, loop: any EventLoop) {
            self.router = router
            self.routes = routes
            self.loop = loop
        }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
            while let end = received.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
                let text = received.readSlice(length: end - received.readerIndex + 1)!
                if let line = try? JSONDecoder().decode(
                    Line.self, from: Data(text.readableBytesView))
                {
                    take(line)
                }
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            for exchange in exchanges.values { exchange.cancel() }
            self.context = nil
        }

        private func take(_ line: Line) {
            if let exchange = exchanges[line.id] {
                if line.cancel == true { exchange.cancel() } else { exchange.takeBody(line) }
                return
            }
            let exchange = LineExchange(
                line, routes.snapshot, on: NIOLoopBound(self, eventLoop: loop))
            exchanges[line.id] = exchange
            router.submit(exchange.request, from: exchange)
        }

        func write(_ line: Line, of exchange: LineExchange, sent: @escaping @Sendable () -> Void) {
            if line.part == nil { exchanges[line.id] = nil }
            guard let context else { return sent() }
            var buffer = ByteBuffer(data: (try? JSONEncoder().encode(line)) ?? Data())
            buffer.writeString("\n")
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { _ in sent() }
            context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        }
    }
}

/// One request of a line connection.
final class LineExchange: RequestOrigin {
    private final class Head: SentHead {
        let httpMethod: String
        let path: String
        let query = ""
        let headers: HeaderFields
        let callFields: CallFields

        init(_ line: LineFace.Line) {
            httpMethod = line.verb ?? "POST"
            path = line.path ?? "/"
            headers = HeaderFields((line.fields ?? [:]).map { ($0.key, $0.value) })
            callFields = CallFields(headers)
        }

        var method: String { callFields.method ?? CallMetadata.defaultMethod }
        var contentType: String { callFields.contentType ?? "" }
        var shardKey: String { callFields.shardKey ?? "" }
    }

    private struct State {
        var routes: RouteSnapshot?
        var requestID: String
        var head: any SentHead
        var subject = ""
        var call: Call?
        var window: StreamWindow?
        var body = ByteBuffer()
        var isOver = false
        var listeners = CompletionListeners()
    }

    private let id: Int
    private let state: NIOLockedValueBox<State>
    private let connection: NIOLoopBound<LineFace.Connection>
    private let incoming: IncomingBody?
    private let body: ByteBuffer?
    let bodyHold: (any AnyObject & Sendable)? = nil

    init(
        _ line: LineFace.Line, _ routes: RouteSnapshot,
        on connection: NIOLoopBound<LineFace.Connection>
    ) {
        id = line.id
        let head = Head(line)
        state = NIOLockedValueBox(
            State(
                routes: routes, requestID: head.callFields.requestID ?? RequestID.make(), head: head
            ))
        self.connection = connection
        body = line.body.map { ByteBuffer(string: $0) }
        incoming = line.body == nil ? IncomingBody(limit: 1 << 20) {} : nil
    }

    var request: Request {
        Request(
            state.withLockedValue { $0.head }, origin: .http, body: body, incoming: incoming,
            originSink: self)
    }

    var routes: RouteSnapshot? { state.withLockedValue { $0.routes } }
    var requestID: String { state.withLockedValue { $0.requestID } }
    func rename(requestID: String) { state.withLockedValue { $0.requestID = requestID } }

    func replaceHead(_ head: any SentHead, subject: String) {
        state.withLockedValue { ($0.head, $0.subject) = (head, subject) }
    }

    func makeMetadata() -> CallMetadata {
        let (head, id, subject) = state.withLockedValue { ($0.head, $0.requestID, $0.subject) }
        return CallMetadata(
            origin: .http, httpMethod: head.httpMethod, path: head.path, requestID: id,
            shardKey: head.shardKey, headers: head.headers.lowercased, subject: subject)
    }

    // MARK: In

    func takeBody(_ line: LineFace.Line) {
        let whole = state.withLockedValue { state -> ByteBuffer? in
            state.body.writeString(line.data ?? "")
            return line.last == true ? state.body : nil
        }
        if let whole { incoming?.end(.success(whole)) }
    }

    func cancel() {
        let call = state.withLockedValue { $0.call.take() }
        end()
        call?.cancel()
        incoming?.end(.failure(.callerGone))
    }

    func submit(_ call: Call, to backend: Backend) {
        let isWanted = state.withLockedValue { state in
            if !state.isOver { state.call = call }
            return !state.isOver
        }
        if isWanted { backend.submit(call) } else { call.cancel() }
    }

    func submit(copy call: Call, to backend: Backend) { backend.submit(call) }

    // MARK: Out

    func whenOver(_ body: @escaping @Sendable () -> Void) {
        if state.withLockedValue({ $0.listeners.add(body) }) { body() }
    }

    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) {
        guard let window = state.withLockedValue({ $0.window }) else { return body() }
        window.whenThereIsRoom(body)
    }

    func receive(part: CallResponse) -> Bool {
        let window = state.withLockedValue { state -> StreamWindow? in
            guard !state.isOver else { return nil }
            let window = state.window ?? StreamWindow()
            state.window = window
            return window
        }
        let size = part.body.readableBytes
        guard let window, window.waitForRoom(size) else { return false }
        var line = LineFace.Line(id: id)
        line.status = part.status
        line.part = String(buffer: part.body)
        write(line) { window.release(size) }
        return true
    }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        let isGone = state.withLockedValue { $0.isOver }
        end()
        guard !isGone else { return }
        var line = LineFace.Line(id: id)
        switch result {
        case .success(let response):
            line.status = response.status
            line.type = response.contentType
            line.body = String(buffer: response.body)
            line.trailers = Dictionary(response.trailers.map { ($0.name, $0.value) }) { $1 }
        case .failure(let error):
            line.status = error.httpStatus
            line.error = error.message
        }
        write(line) {}
    }

    private func write(_ line: LineFace.Line, sent: @escaping @Sendable () -> Void) {
        connection.eventLoop.execute { self.connection.value.write(line, of: self, sent: sent) }
    }

    private func end() {
        let (window, listeners) = state.withLockedValue { state in
            state.isOver = true
            state.call = nil
            state.routes = nil
            return (state.window, state.listeners.end())
        }
        window?.close()
        for listener in listeners { listener() }
    }
}
