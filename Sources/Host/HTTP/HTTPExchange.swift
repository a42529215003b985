internal import HostCore
internal import HostDispatch
internal import HostPipeline
internal import HostRouting
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1

/// One HTTP request on its way through dispatch: answers what the plugin asks of it, and brings the response back to
/// the connection's event loop.
final class HTTPExchange: RequestOrigin {
    let request: RequestHead
    /// Of the client.
    private let remoteAddress: SocketAddress?
    /// What the request's body has taken of the host's memory; nil: there is none.
    let allowance: BodyAllowance?
    private let budget: BodyBudget
    private let connection: NIOLoopBound<HTTPConnection>
    private let answers: ResponseQueue
    private let state: NIOLockedValueBox<State>

    private struct State {
        var routes: RouteSnapshot?
        var requestID: String?
        /// Once the backend is known, and the middleware has let the request through.
        var call: Call?
        /// Made by the first part of a streamed response.
        var stream: StreamWindow?
        /// For who has the response.
        var socket: ResponseSocket?
        var isOver = false
        private(set) var rare: Rare?

        mutating func makeRare() -> Rare {
            let made = rare ?? Rare()
            rare = made
            return made
        }
    }

    /// What few requests have.
    private final class Rare: @unchecked Sendable {
        // Sendable: guarded by the exchange's lock.

        /// Made for what is beside a body that takes nothing itself.
        var allowance: BodyAllowance?
        /// The request as the plugin is told it, if middleware has changed it.
        var changedHead: (any SentHead)?
        /// Who the caller is, as a stage has found.
        var subject = ""
        /// Parts that the event loop has yet to write; it is on its way when there are any.
        var parts: [CallResponse] = []
        var end = CompletionListeners()
    }

    /// - Parameter answers: the queue of the connection's event loop.
    init(
        _ request: RequestHead, _ routes: RouteSnapshot, _ allowance: BodyAllowance?,
        of budget: BodyBudget, from remoteAddress: SocketAddress?,
        on connection: NIOLoopBound<HTTPConnection>, answers: ResponseQueue
    ) {
        self.budget = budget
        self.request = request
        self.allowance = allowance
        self.remoteAddress = remoteAddress
        self.connection = connection
        self.answers = answers
        state = NIOLockedValueBox(State(routes: routes, requestID: request.requestID))
    }

    /// What there was to call when the request came; nil once the exchange is over: a call that goes on after its end
    /// keeps no backend but its own.
    var routes: RouteSnapshot? { state.withLockedValue { $0.routes } }

    /// The caller's id for the request, or one made when it is first asked for.
    var requestID: String {
        state.withLockedValue { state in
            if let id = state.requestID { return id }
            let made = RequestID.make()
            state.requestID = made
            return made
        }
    }

    func rename(requestID: String) {
        state.withLockedValue { $0.requestID = requestID }
    }

    func replaceHead(_ head: any SentHead, subject: String) {
        state.withLockedValue { state in
            let rare = state.makeRare()
            rare.changedHead = head
            rare.subject = subject
        }
    }

    func makeMetadata() -> CallMetadata {
        let (changed, subject) = state.withLockedValue { state in
            (state.rare?.changedHead, state.rare?.subject ?? "")
        }
        let head: any SentHead = changed ?? request
        return CallMetadata(
            origin: .http, httpMethod: head.httpMethod, path: head.path, query: head.query,
            requestID: requestID, shardKey: head.shardKey,
            headers: changed?.headers.lowercased ?? request.fields,
            remoteAddress: remoteAddress?.numericText ?? "",
            scheme: "http", subject: subject)
    }

    // MARK: On the event loop, at once if the caller is there

    /// Somebody waits for the body.
    func wantBody() {
        guard isOnEventLoop else { return connection.eventLoop.execute { self.wantBody() } }
        connection.value.bodyIsWanted(by: self)
    }

    /// A call has come out of a backend's middleware. Inline methods run here.
    func submit(_ call: Call, to backend: Backend) {
        guard isOnEventLoop else {
            return connection.eventLoop.execute { self.submit(call, to: backend) }
        }
        guard attach(call) else { return call.cancel() }
        connection.value.group.submit(call, to: backend)
    }

    /// A shadow's call has come out of its backend's middleware.
    func submit(copy call: Call, to backend: Backend) {
        guard isOnEventLoop else {
            return connection.eventLoop.execute { self.submit(copy: call, to: backend) }
        }
        connection.value.group.submit(call, to: backend)
    }

    private var isOnEventLoop: Bool { connection.eventLoop.inEventLoop }

    // MARK: The call

    /// Keeps the call that is to be submitted, so that it can be cancelled.
    ///
    /// - Returns: whether it is still wanted.
    private func attach(_ call: Call) -> Bool {
        state.withLockedValue { state in
            if !state.isOver { state.call = call }
            return !state.isOver
        }
    }

    /// The client has gone: nobody wants the response.
    func cancel() {
        let call = state.withLockedValue { $0.call.take() }
        end()
        call?.cancel()
    }

    /// The connection's event loop.
    var hasOwnThread: Bool { true }

    var isOnOwnThread: Bool { isOnEventLoop }

    func onOwnThread(_ body: @escaping @Sendable () -> Void) {
        if isOnEventLoop { body() } else { connection.eventLoop.execute(body) }
    }

    var bodyHold: (any AnyObject & Sendable)? {
        allowance ?? state.withLockedValue { $0.rare?.allowance }
    }

    func takeRoom(forBodyBytes count: Int) -> Bool {
        if let allowance { return allowance.add(count) }
        let made = state.withLockedValue { state in
            let rare = state.makeRare()
            let allowance = rare.allowance ?? BodyAllowance(budget)
            rare.allowance = allowance
            return allowance
        }
        return made.add(count)
    }

    func whenOver(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLockedValue { state in
            if !state.isOver { _ = state.makeRare().end.add(body) }
            return state.isOver
        }
        if isOver { body() }
    }

    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) {
        guard let stream = state.withLockedValue({ $0.stream }) else { return body() }
        stream.whenThereIsRoom(body)
    }

    /// Lets the thread that has the response write it.
    func offer(_ socket: ResponseSocket) {
        state.withLockedValue { state in
            guard !state.isOver else { return }
            state.socket = socket
            socket.offer()
        }
    }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        let (wasStreamed, socket) = end()
        if isOnEventLoop, !wasStreamed {
            write(result)
        } else if wasStreamed {
            // The same way as the parts, so that it comes after them.
            connection.eventLoop.execute { self.write(result) }
        } else if let socket, case .success(let response) = result, !response.comesWithOthers {
            write(response, to: socket)
        } else {
            answers.append(self, result)
        }
    }

    private func write(_ response: CallResponse, to socket: ResponseSocket) {
        switch socket.write(response, to: request) {
        case .done: break
        case .refused: answers.append(self, .success(response))
        case .doneAndWatched(let bytes): tellLoop(written: bytes, rest: ByteBuffer())
        case .partly(let bytes, let rest): tellLoop(written: bytes, rest: rest)
        }
    }

    private func tellLoop(written bytes: Int, rest: ByteBuffer) {
        connection.eventLoop.execute {
            self.connection.value.finish(self, written: bytes, rest: rest)
        }
    }

    /// On the event loop.
    func write(_ result: Result<CallResponse, DispatchError>) {
        connection.value.finish(self, result)
    }

    func receive(part: CallResponse) -> Bool {
        let stream = state.withLockedValue { state -> StreamWindow? in
            guard !state.isOver else { return nil }
            let stream = state.stream ?? StreamWindow()
            state.stream = stream
            return stream
        }
        guard let stream, stream.waitForRoom(part.body.readableBytes) else { return false }
        let isFirst = state.withLockedValue { state in
            let rare = state.makeRare()
            rare.parts.append(part)
            return rare.parts.count == 1
        }
        if isFirst { connection.eventLoop.execute { self.writeParts(to: stream) } }
        return true
    }

    /// On the event loop: what has come together since it was asked to, in one write. Nothing is held back for that.
    private func writeParts(to stream: StreamWindow) {
        var parts: [CallResponse] = []
        state.withLockedValue { swap(&$0.makeRare().parts, &parts) }
        let size = parts.reduce(0) { $0 + $1.body.readableBytes }
        connection.value.stream(parts, of: self) { stream.release(size) }
    }

    /// The response is there, or the client has gone: nobody waits for room any more.
    ///
    /// - Returns: whether parts of the response were sent before, and the socket that it may be written to.
    @discardableResult
    func end() -> (wasStreamed: Bool, socket: ResponseSocket?) {
        let (stream, socket, listeners) = state.withLockedValue { state in
            state.isOver = true
            state.call = nil
            state.routes = nil
            return (state.stream, state.socket.take(), state.rare?.end.end() ?? [])
        }
        stream?.close()
        for listener in listeners { listener() }
        return (stream != nil, socket)
    }
}
