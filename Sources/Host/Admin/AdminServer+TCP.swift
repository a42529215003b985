internal import Hummingbird
internal import NIOCore

/// The admin API over TCP, for which a token is needed.
extension AdminServer {
    /// Where it is served, and to whom.
    package struct TCPListener: Sendable {
        /// A name or an address; an IPv6 address without brackets.
        package var host: String
        /// 0: any free one.
        package var port: Int
        package var token: AdminToken

        package init(host: String, port: Int, token: AdminToken) {
            self.host = host
            self.port = port
            self.token = token
        }
    }

    /// Connections at once, those of clients without a token included; others wait in the kernel's queue.
    private static let maxConnections = 256
    /// How long a connection may be open without a request.
    private static let idleTimeout: TimeAmount = .seconds(60)

    /// Listens, and returns when the host shuts down.
    ///
    /// - Parameter onListening: gets the port.
    /// - Throws: ``AdminError`` when the address can't be listened on.
    package func run(
        over listener: TCPListener, onListening: @escaping @Sendable (Int) -> Void
    ) async throws {
        let application = Application(
            responder: router(token: listener.token).responder,
            server: .http1(configuration: .init(idleTimeout: Self.idleTimeout)),
            configuration: ApplicationConfiguration(
                address: .hostname(listener.host, port: listener.port),
                availableConnectionsDelegate: .maximum(Self.maxConnections, logger: serverLogger)),
            onServerRunning: { onListening($0.localAddress?.port ?? listener.port) },
            eventLoopGroupProvider: .singleton,
            logger: serverLogger)
        do {
            try await application.run()
        } catch {
            throw AdminError(
                code: .cannotListen,
                message: "cannot listen for the admin API on \(listener.host):\(listener.port): "
                    + "\(reason(error)); choose another address with --admin-listen",
                cause: error)
        }
    }
}
