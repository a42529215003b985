internal import HostDispatch
internal import HostPlugins
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// One HTTP request on its way through dispatch: answers what the plugin asks of it, and brings the answer back to the
/// connection's event loop.
final class HTTPExchange: Caller {
    let request: RequestHead
    private let connection: NIOLoopBound<HTTPConnection>
    private let identity: Mutex<String?>
    private let stream = StreamWindow()

    init(_ request: RequestHead, on connection: NIOLoopBound<HTTPConnection>) {
        self.request = request
        self.connection = connection
        identity = Mutex(request.requestID)
    }

    /// The caller's id for the request, or one made when it is first asked for.
    var requestID: String {
        identity.withLock { id in
            if let id { return id }
            let made = RequestID.make()
            id = made
            return made
        }
    }

    func makeMetadata() -> CallMetadata {
        CallMetadata(
            origin: .http, httpMethod: request.head.method.rawValue, path: String(request.path),
            query: String(request.query), requestID: requestID, shardKey: request.shardKey,
            headers: request.head.headers.map { ($0.name.lowercased(), $0.value) })
    }

    func receive(_ result: Result<PluginResponse, DispatchError>) {
        stream.close()
        let eventLoop = connection.eventLoop
        if eventLoop.inEventLoop {
            connection.value.finish(self, result)
        } else {
            eventLoop.execute { self.connection.value.finish(self, result) }
        }
    }

    func receive(part: PluginResponse) -> Bool {
        let size = part.body.readableBytes
        guard stream.waitForRoom(size) else { return false }
        connection.eventLoop.execute {
            self.connection.value.stream(part, of: self) { self.stream.release(size) }
        }
        return true
    }

    /// The client has gone: nobody waits for room any more.
    func abandon() {
        stream.close()
    }
}
