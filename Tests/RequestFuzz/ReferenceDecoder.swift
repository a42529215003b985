import HostHTTP
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// NIO's decoder behind the host's sieve, as a connection has them. One for many requests, so that they must agree on
/// where each one ends, too.
struct ReferenceDecoder {
    enum Outcome: Equatable {
        case request(FuzzedRequest)
        /// Something else than one request, with nothing behind it.
        case other(String)
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart

        var parts: [HTTPServerRequestPart] = []
        var error: (any Error)?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            parts.append(unwrapInboundIn(data))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.error = error
        }
    }

    private var channel = EmbeddedChannel()
    private var collector = Collector()
    private var isFresh = false

    mutating func decode(_ bytes: [UInt8], count: Int) throws -> Outcome {
        if !isFresh { try renew() }
        collector.parts.removeAll(keepingCapacity: true)
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes[..<count]))
        channel.pipeline.fireChannelReadComplete()
        if let error = collector.error {
            isFresh = false
            return .other("\(error)")
        }
        guard case .head(let head)? = collector.parts.first, case .end(nil)? = collector.parts.last
        else {
            isFresh = false
            return .other("\(collector.parts)")
        }
        // Behind a last request it takes nothing.
        if !head.isKeepAlive { isFresh = false }
        var body: [UInt8] = []
        for part in collector.parts.dropFirst().dropLast() {
            guard case .body(let bytes) = part else { return .other("\(collector.parts)") }
            body += bytes.readableBytesView
        }
        guard head.version == .http1_1 else { return .other("\(head.version)") }
        return .request(
            FuzzedRequest(
                method: head.method.rawValue, target: head.uri,
                fields: head.headers.map { [$0.name, trimmed($0.value)] }, body: body))
    }

    private mutating func renew() throws {
        isFresh = true
        collector = Collector()
        channel = EmbeddedChannel()
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
        try channel.pipeline.syncOperations.addHandlers(
            RequestSieveHandler(maxTargetSize: PlainHead.maxSize), ByteToMessageHandler(decoder),
            collector)
    }

    private func trimmed(_ value: String) -> String {
        var bytes = value.utf8[...]
        while bytes.first == UInt8(ascii: " ") || bytes.first == UInt8(ascii: "\t") {
            bytes.removeFirst()
        }
        while bytes.last == UInt8(ascii: " ") || bytes.last == UInt8(ascii: "\t") {
            bytes.removeLast()
        }
        return String(Substring(bytes))
    }
}
