package import Logging
package import NIOCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// Stands in front of a listening socket: takes no more connections than there may be descriptors for, and waits when
/// the system has none. NIO itself goes on trying, at a whole core.
///
/// Connections that are not taken wait in the kernel's queue. Confined to the socket's event loop.
package final class AcceptGate: ChannelInboundHandler {
    package typealias InboundIn = any Channel
    package typealias InboundOut = any Channel

    /// How long nothing is accepted after the system had no descriptor.
    static let pause: TimeAmount = .milliseconds(500)

    /// Shared with the event loops of the connections.
    private final class Count: Sendable {
        let open = Atomic<Int>(0)
        let isFull = Atomic<Bool>(false)
    }

    private let limit: Int
    private let advice: String
    private let logger: Logger
    private let count = Count()
    private var context: ChannelHandlerContext?
    private var isOutOfFiles = false

    /// - Parameters:
    ///   - limit: connections that may be open at once, whatever becomes of them.
    ///   - advice: what an operator can do when there are no descriptors.
    package init(limit: Int = .max, advice: String, logger: Logger) {
        self.limit = limit
        self.advice = advice
        self.logger = logger
    }

    /// Puts a gate without a limit in front of a socket that listens already.
    package static func install(on channel: any Channel, logger: Logger) async {
        try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                AcceptGate(
                    advice: "raise the limit of open files (ulimit -n, LimitNOFILE in systemd)",
                    logger: logger), position: .first)
        }.get()
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
        if count.open.add(1, ordering: .acquiringAndReleasing).newValue >= limit {
            count.isFull.store(true, ordering: .sequentiallyConsistent)
            setAccepting(false)
            // One may have been closed since it was counted.
            if count.open.load(ordering: .sequentiallyConsistent) < limit { reopen() }
        }
        unwrapInboundIn(data).closeFuture.whenComplete { [count, limit] _ in
            let open = count.open.subtract(1, ordering: .sequentiallyConsistent).newValue
            guard open < limit, count.isFull.load(ordering: .sequentiallyConsistent) else { return }
            gate.eventLoop.execute { gate.value.reopen() }
        }
        if isOutOfFiles {
            isOutOfFiles = false
            logger.notice("connections are accepted again")
        }
        context.fireChannelRead(data)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError,
            [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode)
        else { return context.fireErrorCaught(error) }
        if !isOutOfFiles {
            isOutOfFiles = true
            let reason =
                error.errnoCode == EMFILE || error.errnoCode == ENFILE
                ? "there are too many open files" : "the system has no memory for them"
            logger.error("new connections have to wait: \(reason); \(advice)")
        }
        setAccepting(false)
        let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
        // Bound: one: nothing is accepted until it rings.
        context.eventLoop.scheduleTask(in: Self.pause) { gate.value.goOn() }
    }

    private func reopen() {
        guard count.isFull.exchange(false, ordering: .sequentiallyConsistent) else { return }
        goOn()
    }

    private func goOn() {
        if !count.isFull.load(ordering: .sequentiallyConsistent) { setAccepting(true) }
    }

    private func setAccepting(_ isAccepting: Bool) {
        // It fails when the socket is closed, and nothing has to be done then.
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isAccepting)
    }
}
