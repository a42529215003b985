internal import HostCore
internal import NIOCore
internal import NIOHTTP1

/// How what a client sends becomes requests.
///
/// Requests in the plain form are read here. The first one that is in another form goes to NIO's decoder, from its
/// first byte, and so does all that follows on the connection: where a request ends, and the next begins, one of the
/// two decides, and never both.
extension HTTPConnection {
    /// Requests up to this size that come whole are copied into memory of the connection's own: the channel has its
    /// buffer back at once, and the next request finds the memory there.
    private static let ownSize = 2 << 10
    /// How often a head that comes in pieces is read from its beginning.
    private static let mostReadings = 8

    /// Reads one request, or a part of one's body. What is behind it waits.
    func read(_ received: ByteBuffer) {
        if case .receiving(let inbound) = state {
            return readBody(of: inbound, received)
        }
        var bytes = received
        if var unread {
            self.unread = nil
            unread.writeBuffer(&bytes)
            bytes = unread
        }
        switch PlainHead.read(
            bytes.readableBytesUInt8Span, limit: group.settings.maxHeaderSize)
        {
        case .head(let head):
            readings = 0
            let request = take(head, from: &bytes)
            if bytes.readableBytes > 0 { putBack(bytes) }
            begin(request)
        case .incomplete where readings < Self.mostReadings:
            readings += 1
            unread = ByteBuffer(bytes: bytes.readableBytesView)
            if !hasPartialHead {
                hasPartialHead = true
                setDeadline(.now(), transferring: 0)
            }
        case .incomplete, .other:
            decode(bytes)
        }
    }

    private func readBody(of inbound: InboundRequest, _ received: ByteBuffer) {
        var bytes = received
        guard let part = bytes.readSlice(length: min(inbound.bytesLeft, bytes.readableBytes)) else {
            return
        }
        inbound.bytesLeft -= part.readableBytes
        if bytes.readableBytes > 0 { putBack(bytes) }
        receive(part)
        if inbound.bytesLeft == 0 { end() }
    }

    /// Takes a head, and its body if all of that is there.
    private func take(_ head: PlainHead, from bytes: inout ByteBuffer) -> RequestHead {
        let length = head.contentLength ?? 0
        guard length <= Self.ownSize - head.size, length <= bytes.readableBytes - head.size else {
            let own = ByteBuffer(bytes: bytes.readableBytesView.prefix(head.size))
            bytes.moveReaderIndex(forwardBy: head.size)
            return RequestHead(
                head, in: own, body: length == 0 ? ByteBuffer() : nil, &group.texts)
        }
        let size = head.size + length
        // Of memory that somebody still refers to, this makes another one.
        memory.clear(minimumCapacity: size)
        unsafe bytes.readWithUnsafeReadableBytes { received in
            unsafe memory.writeBytes(UnsafeRawBufferPointer(rebasing: received.prefix(size)))
        }
        var body = memory
        body.moveReaderIndex(forwardBy: head.size)
        return RequestHead(head, in: memory, body: body, &group.texts)
    }

    // MARK: Other forms

    /// Leaves the connection's requests to NIO's decoder.
    private func decode(_ bytes: ByteBuffer) {
        guard let context else { return }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = group.settings.maxHeaderSize
        limits.maxHeaderFieldSize = group.settings.maxHeaderSize
        limits.maxHeaderFieldCount = IngressSettings.maxHeaderCount
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        // The decoder keeps at most the field that is arriving; but behind a request for another protocol, everything.
        let handler = ByteToMessageHandler(
            decoder, maximumBufferSize: group.settings.maxHeaderSize + (64 << 10))
        do {
            try context.pipeline.syncOperations.addHandlers(
                RequestSieveHandler(maxTargetSize: group.settings.maxHeaderSize), handler,
                DecodedRequests(of: self))
        } catch {
            return close()
        }
        isPlain = false
        for bytes in [bytes] + takeUnread() { context.fireChannelRead(NIOAny(bytes)) }
    }
}

/// Hands on what NIO's decoder makes of a connection's bytes.
private final class DecodedRequests: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let connection: HTTPConnection

    init(of connection: HTTPConnection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.accept(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.fail(error)
    }
}
