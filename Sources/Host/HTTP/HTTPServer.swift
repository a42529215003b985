internal import HostCore
internal import HostLogging
internal import HostPipeline
package import HostRouting
package import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
package import NIOPosix
internal import ServiceLifecycle

#if canImport(Glibc)
internal import Glibc
#endif

/// The HTTP data plane: listens, and gives each connection to an event loop.
///
/// ``start()`` listens; ``run()`` returns when the host shuts down, after the connections have finished their
/// requests.
package final class HTTPServer: Face {
    private let settings: IngressSettings
    private let routes: RouteTable
    private let router = Router()
    private let eventLoops: MultiThreadedEventLoopGroup
    /// Accepts: of its own, so that new connections wait for no INLINE method or response that keeps a loop busy, and
    /// none of these for a burst of them.
    private let acceptor: MultiThreadedEventLoopGroup
    private let logger: Logger
    /// What may happen with every request.
    private let failures: LimitedLog
    private let listening = NIOLockedValueBox<Listening?>(nil)

    private struct Listening {
        let channel: any Channel
        let groups: [NIOLoopBoundBox<ConnectionGroup>]
        let admission: Admission
    }

    /// Who gets in.
    private struct Admission: Sendable {
        let maxConnections: Int
        let connections: ConnectionCount
        /// Those that are there to be told that there are too many.
        let refusals: ConnectionCount
        /// Those whose responses replicas' threads may write, for which each takes a second descriptor: there are as
        /// many as nobody else wants.
        let sockets: ConnectionCount

        init(_ settings: IngressSettings, files: OpenFileLimit) {
            maxConnections = files.connections(wanted: settings.maxConnections)
            connections = ConnectionCount(limit: maxConnections)
            refusals = ConnectionCount(limit: OpenFileLimit.refusals(of: maxConnections))
            sockets = ConnectionCount(
                limit: files.toSpare(
                    beside: maxConnections + 2 * OpenFileLimit.refusals(of: maxConnections)))
        }

        /// Connections that may have a descriptor: as many again as are told may be about to be closed.
        var maxDescriptors: Int {
            maxConnections + 2 * OpenFileLimit.refusals(of: maxConnections)
        }
    }

    /// How often the log tells of connections that were refused.
    private static let refusalReportInterval: TimeAmount = .seconds(10)

    /// - Parameters:
    ///   - eventLoops: those of the connections.
    ///   - acceptor: one of another group, or several.
    package init(
        settings: IngressSettings, routes: RouteTable, eventLoops: MultiThreadedEventLoopGroup,
        acceptor: MultiThreadedEventLoopGroup, logger: Logger
    ) {
        self.settings = settings
        self.routes = routes
        self.eventLoops = eventLoops
        self.acceptor = acceptor
        self.logger = logger
        failures = LimitedLog(logger)
    }

    /// Listens.
    ///
    /// - Returns: the port, which is a free one if the settings say 0.
    /// - Throws: ``IngressError``.
    package func start() async throws(IngressError) -> Int {
        let budget = makeBudget()
        let admission = makeAdmission()
        let groups = eventLoops.makeIterator().map { makeGroup(on: $0, budget, admission.sockets) }
        let byLoop = Dictionary(
            uniqueKeysWithValues: groups.map { (ObjectIdentifier($0.eventLoop), $0) })
        let bootstrap = ServerBootstrap(group: acceptor, childGroup: eventLoops)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.closeOnExec(channel)
                    let gate = AcceptGate(
                        limit: admission.maxDescriptors, advice: Self.adviceOnFiles, logger: logger)
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.closeOnExec(channel)
                    try Self.configure(
                        channel, group: byLoop[ObjectIdentifier(channel.eventLoop)]!.value,
                        admission)
                }
            }
        do {
            let channel = try await bootstrap.bind(host: settings.host, port: settings.port).get()
            listening.withLockedValue {
                $0 = Listening(channel: channel, groups: groups, admission: admission)
            }
            reportRefusals(of: admission, on: channel)
            return channel.localAddress?.port ?? settings.port
        } catch {
            let place = ListenAddress(host: settings.host, port: settings.port)
            throw IngressError(
                code: .cannotListen,
                message: "cannot listen on \(place): \(SystemError.reason(of: error)); "
                    + Self.advice(error),
                cause: error)
        }
    }

    private static func advice(_ error: any Error) -> String {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: "is another process using the port? --port chooses another one"
        case EACCES: "ports below 1024 need a right of their own; --port chooses another one"
        default: "--host and --port choose another address"
        }
    }

    private static let adviceOnFiles =
        "raise the limit of open files (ulimit -n, LimitNOFILE in systemd) or lower --max-connections"

    private func makeAdmission() -> Admission {
        let files = OpenFileLimit.current()
        let admission = Admission(settings, files: files)
        if admission.maxConnections < settings.maxConnections {
            logger.warning(
                """
                --max-connections is \(admission.maxConnections), not \(settings.maxConnections): the process may have \
                \(files.limit) open files, and keeps some for other things; \(Self.adviceOnFiles)
                """)
        }
        return admission
    }

    private func makeBudget() -> BodyBudget {
        BodyBudget(limit: settings.maxBufferedBodies, largestBody: settings.maxBodySize)
    }

    /// Says from time to time how many connections were refused: a line for each would be one more thing that a flood
    /// can fill.
    private func reportRefusals(of admission: Admission, on channel: any Channel) {
        let interval = Self.refusalReportInterval
        // Bound: one for the listener, taken back when that closes.
        let reports = channel.eventLoop.scheduleRepeatedTask(
            initialDelay: interval, delay: interval
        ) { [logger] _ in
            let refused = admission.connections.takeRefusals()
            guard refused > 0 else { return }
            logger.warning(
                "connections were refused: there are as many as --max-connections allows",
                metadata: [
                    "refused": "\(refused)", "max_connections": "\(admission.maxConnections)",
                    "within_seconds": "\(interval.nanoseconds / 1_000_000_000)",
                ])
        }
        channel.closeFuture.whenComplete { _ in reports.cancel() }
    }

    package func run() async {
        try? await gracefulShutdown()
        await drain()
    }

    private func makeGroup(
        on eventLoop: any EventLoop, _ budget: BodyBudget, _ sockets: ConnectionCount
    ) -> NIOLoopBoundBox<ConnectionGroup> {
        let group = NIOLoopBoundBox.makeBoxSendingValue(
            ConnectionGroup(
                routes: routes, router: router, budget: budget, settings: settings,
                eventLoop: eventLoop, logger: logger, failures: failures, sockets: sockets),
            eventLoop: eventLoop)
        // Bound: one for each event loop, and gone with it.
        eventLoop.scheduleRepeatedTask(
            initialDelay: ConnectionGroup.sweepInterval, delay: ConnectionGroup.sweepInterval
        ) { _ in group.value.sweep(at: .now()) }
        return group
    }

    /// Children that plugins start get no connections. In the program `backplane` they never do; in a program that
    /// leaves the C library as it is, from here on.
    private static func closeOnExec(_ channel: any Channel) throws {
        _ = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { _ = fcntl($0, F_SETFD, FD_CLOEXEC) }
    }

    private static func configure(
        _ channel: any Channel, group: ConnectionGroup, _ admission: Admission
    ) throws {
        let (connections, refusals) = (admission.connections, admission.refusals)
        guard connections.enter() else {
            connections.noteRefusal()
            guard refusals.enter() else { return channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in refusals.leave() }
            refuse(channel, group: group)
            return
        }
        channel.closeFuture.whenComplete { _ in connections.leave() }
        try channel.pipeline.syncOperations.addHandler(HTTPConnection(in: group))
    }

    /// Answers a connection over the limit and closes it, as ``HTTPConnection/closeAfterResponse()`` does.
    private static func refuse(_ channel: any Channel, group: ConnectionGroup) {
        let problem = Problem(
            .serviceUnavailable, "the host has all the connections it allows; try again later")
        let id = RequestID.make()
        let body = problem.body(requestID: id)
        var buffer = group.allocator.buffer(capacity: 512)
        group.encoder.encodeHead(
            status: problem.status, contentType: problem.contentType,
            framing: .length(body.readableBytes),
            headers: [("retry-after", "1"), ("x-request-id", id)], keepAlive: .no, into: &buffer)
        buffer.writeImmutableBuffer(body)
        channel.writeAndFlush(buffer, promise: nil)
        channel.close(mode: .output, promise: nil)
        // Bound: one for each refused connection, of which the refusals' own limit bounds the number.
        channel.eventLoop.scheduleTask(in: HTTPConnection.closeTimeout) {
            channel.close(promise: nil)
        }
    }

    // MARK: The end

    /// Stops listening and lets the connections finish their requests, within the limit.
    private func drain() async {
        defer { failures.summarise() }
        router.beginDraining()
        guard let listening = listening.withLockedValue({ $0 }) else { return }
        try? await listening.channel.close()
        for group in listening.groups {
            group.eventLoop.execute { group.value.drain() }
        }
        guard await !listening.admission.connections.becomeZero(within: settings.shutdownTimeout)
        else { return }
        logger.warning("closing connections whose requests did not finish in time")
        for group in listening.groups {
            try? await group.eventLoop.submit { group.value.closeAll() }.get()
        }
    }
}

/// Why the HTTP listener could not start.
package struct IngressError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case cannotListen
    }

    package var code: Code
    package var message: String
    package var cause: (any Error)?

    package var description: String { message }
}
