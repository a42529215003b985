internal import HostCore
internal import NIOCore

/// How the thread that has a response writes it itself: see ``ResponseSocket``.
extension HTTPConnection {
    /// Offers the socket for the call that is under way, if nothing is queued on the connection, and nothing about its
    /// response is special.
    func offerSocket(for exchange: HTTPExchange) {
        guard case .calling(let current, isStreaming: false) = state, current === exchange,
            hasNothingQueued, staysOpen(after: exchange.request), let socket = ownSocket()
        else { return }
        exchange.offer(socket)
    }

    private func ownSocket() -> ResponseSocket? {
        if let socket { return socket }
        // Many clients make one call and leave: for those a second descriptor costs more than it gains.
        guard hasCalled else {
            hasCalled = true
            return nil
        }
        guard group.sockets.enter() else { return nil }
        let made = try? context?.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { ResponseSocket(duplicating: $0) }
        socket = made ?? nil
        if socket == nil { group.sockets.leave() }
        return socket
    }

    /// From now on the loop writes, unless a thread is about to: then the loop is told.
    func takeSocketBack() {
        guard let socket, case .written(let bytes) = socket.takeBack() else { return }
        count(writtenElsewhere: bytes)
        waitForRequest()
    }

    func closeSocket() {
        guard let socket else { return }
        self.socket = nil
        socket.close()
        group.sockets.leave()
    }

    /// The thread that had the response has written some of it, or all.
    func finish(_ exchange: HTTPExchange, written bytes: Int, rest: ByteBuffer) {
        guard case .calling(let current, _) = state, current === exchange else { return }
        count(writtenElsewhere: bytes)
        if rest.readableBytes > 0 { write(rest) }
        waitForRequest()
        if group.isDraining { drain() }
        continueAfterCall()
    }
}
