package import NIOCore
internal import NIOHTTP1

/// Puts a ``RequestSieve`` in front of a connection's decoder. A request that is refused comes out as an error, and no
/// more bytes come out behind it.
package final class RequestSieveHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    private var sieve: RequestSieve
    /// What could not be judged without what follows it: a few bytes.
    private var held: ByteBuffer?
    private var isOver = false
    private let hidesProblem: Bool

    /// For ``HTTPConnection``, which is told a ``Problem``.
    package init(maxTargetSize: Int) {
        sieve = RequestSieve(maxTargetSize: maxTargetSize)
        hidesProblem = false
    }

    /// For a server that knows the errors of NIO's decoder, and speaks nothing but HTTP/1.1: the decoder sees of no
    /// request that it asks for another protocol, because it would keep all that follows.
    package init(forPlainHTTPWithTargetsUpTo maxTargetSize: Int) {
        sieve = RequestSieve(maxTargetSize: maxTargetSize, hidesUpgrades: true)
        hidesProblem = true
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        var bytes = unwrapInboundIn(data)
        if var held {
            self.held = nil
            held.writeBuffer(&bytes)
            bytes = held
        }
        let finding = sieve.scan(bytes.readableBytesUInt8Span)
        for (offset, byte) in finding.changes {
            bytes.setInteger(byte, at: bytes.readerIndex + offset)
        }
        isOver = finding.problem != nil
        let isWhole = finding.count == bytes.readableBytes
        if !isWhole, !isOver {
            held = ByteBuffer(bytes: bytes.readableBytesView.dropFirst(finding.count))
        }
        if finding.count > 0, let judged = isWhole ? bytes : bytes.readSlice(length: finding.count)
        {
            context.fireChannelRead(wrapInboundOut(judged))
        }
        if let problem = finding.problem {
            context.fireErrorCaught(hidesProblem ? HTTPParserError.unknown : problem)
        }
    }
}
