package import HostControl
internal import HostDispatch
package import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
package import NIOPosix
internal import ServiceLifecycle

/// The HTTP data plane: listens, and gives each connection to an event loop.
///
/// ``start()`` listens; ``run()`` returns when the host shuts down, after the connections have finished their
/// requests.
package final class HTTPServer: Sendable {
    private let settings: IngressSettings
    private let routes: RouteTable
    private let eventLoops: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let connections: ConnectionCount
    private let listening = NIOLockedValueBox<Listening?>(nil)

    private struct Listening {
        let channel: any Channel
        let groups: [NIOLoopBoundBox<ConnectionGroup>]
    }

    package init(
        settings: IngressSettings, routes: RouteTable, eventLoops: MultiThreadedEventLoopGroup,
        logger: Logger
    ) {
        self.settings = settings
        self.routes = routes
        self.eventLoops = eventLoops
        self.logger = logger
        connections = ConnectionCount(limit: settings.maxConnections)
    }

    /// Listens.
    ///
    /// - Returns: the port, which is a free one if the settings say 0.
    /// - Throws: ``IngressError``.
    package func start() async throws(IngressError) -> Int {
        let groups = eventLoops.makeIterator().map { makeGroup(on: $0) }
        let byLoop = Dictionary(
            uniqueKeysWithValues: groups.map { (ObjectIdentifier($0.eventLoop), $0) })
        let bootstrap = ServerBootstrap(group: eventLoops)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [settings, connections] channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.configure(
                        channel, group: byLoop[ObjectIdentifier(channel.eventLoop)]!.value,
                        settings: settings, connections: connections)
                }
            }
        do {
            let channel = try await bootstrap.bind(host: settings.host, port: settings.port).get()
            listening.withLockedValue { $0 = Listening(channel: channel, groups: groups) }
            return channel.localAddress?.port ?? settings.port
        } catch {
            throw IngressError(
                code: .cannotListen,
                message: "cannot listen on \(settings.host):\(settings.port): \(error); "
                    + "is another process using the port? --port chooses another one",
                cause: error)
        }
    }

    package func run() async {
        try? await gracefulShutdown()
        await drain()
    }

    private func makeGroup(on eventLoop: any EventLoop) -> NIOLoopBoundBox<ConnectionGroup> {
        let group = NIOLoopBoundBox.makeBoxSendingValue(
            ConnectionGroup(
                router: Router(routes: routes, maxBodySize: settings.maxBodySize),
                settings: settings, eventLoop: eventLoop, logger: logger),
            eventLoop: eventLoop)
        eventLoop.scheduleRepeatedTask(
            initialDelay: ConnectionGroup.sweepInterval, delay: ConnectionGroup.sweepInterval
        ) { _ in group.value.sweep(at: .now()) }
        return group
    }

    private static func configure(
        _ channel: any Channel, group: ConnectionGroup, settings: IngressSettings,
        connections: ConnectionCount
    ) throws {
        guard connections.enter() else {
            refuse(channel, group: group)
            return
        }
        channel.closeFuture.whenComplete { _ in connections.leave() }
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = settings.maxHeaderSize
        limits.maxHeaderFieldSize = settings.maxHeaderSize
        limits.maxHeaderFieldCount = IngressSettings.maxHeaderCount
        let decoder = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        // The decoder keeps at most the field that is arriving; but behind a request for another protocol, everything.
        let bytes = ByteToMessageHandler(
            decoder, maximumBufferSize: settings.maxHeaderSize + (64 << 10))
        try channel.pipeline.syncOperations.addHandlers(bytes, HTTPConnection(in: group))
    }

    /// Answers a connection over the limit and closes it, as ``HTTPConnection/closeAfterAnswer()`` does.
    private static func refuse(_ channel: any Channel, group: ConnectionGroup) {
        let problem = Problem(
            .serviceUnavailable, "the host has all the connections it allows; try again later")
        let id = RequestID.make()
        let body = problem.body(requestID: id)
        var buffer = group.allocator.buffer(capacity: 512)
        group.encoder.encodeHead(
            status: problem.status, contentType: Problem.contentType,
            framing: .length(body.readableBytes),
            headers: [("retry-after", "1"), ("x-request-id", id)], keepAlive: .no, into: &buffer)
        buffer.writeImmutableBuffer(body)
        channel.writeAndFlush(buffer, promise: nil)
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: HTTPConnection.closeTimeout) {
            channel.close(promise: nil)
        }
    }

    // MARK: The end

    /// Stops listening and lets the connections finish their requests, within the limit.
    private func drain() async {
        guard let listening = listening.withLockedValue({ $0 }) else { return }
        try? await listening.channel.close()
        for group in listening.groups {
            group.eventLoop.execute { group.value.drain() }
        }
        guard await !connections.becomeZero(within: settings.shutdownTimeout) else { return }
        logger.warning("closing connections whose requests did not finish in time")
        for group in listening.groups {
            try? await group.eventLoop.submit { group.value.closeAll() }.get()
        }
    }
}
