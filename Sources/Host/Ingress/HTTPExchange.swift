internal import HostDispatch
internal import HostMiddleware
internal import HostPlugins
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1

/// One HTTP request on its way through dispatch: answers what the plugin asks of it, and brings the answer back to the
/// connection's event loop.
final class HTTPExchange: FinalCaller {
    let request: RequestHead
    private let connection: NIOLoopBound<HTTPConnection>
    private let answers: AnswerQueue
    private let state: NIOLockedValueBox<State>

    private struct State {
        var requestID: String?
        /// The request as the plugin is told it, if middleware has changed it.
        var changedRequest: RequestHead?
        /// Once the backend is known, and the middleware has let the request through.
        var call: Call?
        /// Made by the first part of a streamed answer.
        var stream: StreamWindow?
        /// Parts that the event loop has yet to write; it is on its way when there are any.
        var parts: [PluginResponse] = []
        var isOver = false
        var end = CallerEnd()
    }

    /// - Parameter answers: the queue of the connection's event loop.
    init(_ request: RequestHead, on connection: NIOLoopBound<HTTPConnection>, answers: AnswerQueue)
    {
        self.request = request
        self.connection = connection
        self.answers = answers
        state = NIOLockedValueBox(State(requestID: request.requestID))
    }

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

    /// Tells the plugin of another request than the client has sent.
    func replaceRequest(_ request: RequestHead) {
        state.withLockedValue { $0.changedRequest = request }
    }

    var shardKey: String {
        (state.withLockedValue { $0.changedRequest } ?? request).shardKey
    }

    func makeMetadata() -> CallMetadata {
        let request = state.withLockedValue { $0.changedRequest } ?? request
        return CallMetadata(
            origin: .http, httpMethod: request.httpMethod, path: request.path, query: request.query,
            requestID: requestID, shardKey: request.shardKey,
            headers: request.fields)
    }

    // MARK: On the event loop, at once if the caller is there

    /// Somebody waits for the body.
    func wantBody() {
        guard isOnEventLoop else { return connection.eventLoop.execute { self.wantBody() } }
        connection.value.bodyIsWanted(by: self)
    }

    /// The request has come out of the host's middleware.
    func route(_ request: MiddlewareRequest, for caller: any Caller) {
        guard isOnEventLoop else {
            return connection.eventLoop.execute { self.route(request, for: caller) }
        }
        connection.value.route(request, of: self, for: caller)
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

    /// The client has gone: nobody wants the answer.
    func cancel() {
        let call = state.withLockedValue { $0.call.take() }
        end()
        call?.cancel()
    }

    /// The connection's event loop.
    var hasOwnThread: Bool { true }

    func whenOver(_ body: @escaping @Sendable () -> Void) {
        if state.withLockedValue({ $0.end.add(body) }) { body() }
    }

    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) {
        guard let stream = state.withLockedValue({ $0.stream }) else { return body() }
        stream.whenThereIsRoom(body)
    }

    func receive(_ result: Result<PluginResponse, DispatchError>) {
        let wasStreamed = end()
        if isOnEventLoop {
            write(result)
        } else if wasStreamed {
            // The same way as the parts, so that it comes after them.
            connection.eventLoop.execute { self.write(result) }
        } else {
            answers.append(self, result)
        }
    }

    /// On the event loop.
    func write(_ result: Result<PluginResponse, DispatchError>) {
        connection.value.finish(self, result)
    }

    func receive(part: PluginResponse) -> Bool {
        let stream = state.withLockedValue { state -> StreamWindow? in
            guard !state.isOver else { return nil }
            let stream = state.stream ?? StreamWindow()
            state.stream = stream
            return stream
        }
        guard let stream, stream.waitForRoom(part.body.readableBytes) else { return false }
        let isFirst = state.withLockedValue { state in
            state.parts.append(part)
            return state.parts.count == 1
        }
        if isFirst { connection.eventLoop.execute { self.writeParts(to: stream) } }
        return true
    }

    /// On the event loop: what has come together since it was asked to, in one write. Nothing is held back for that.
    private func writeParts(to stream: StreamWindow) {
        var parts: [PluginResponse] = []
        state.withLockedValue { swap(&$0.parts, &parts) }
        let size = parts.reduce(0) { $0 + $1.body.readableBytes }
        connection.value.stream(parts, of: self) { stream.release(size) }
    }

    /// The answer is there, or the client has gone: nobody waits for room any more.
    ///
    /// - Returns: whether parts of the answer were sent before.
    @discardableResult
    func end() -> Bool {
        let (stream, listeners) = state.withLockedValue { state in
            state.isOver = true
            state.call = nil
            return (state.stream, state.end.end())
        }
        stream?.close()
        for listener in listeners { listener() }
        return stream != nil
    }
}
