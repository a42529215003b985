internal import HostConfigurationFiles
internal import HostCore
internal import HostHTTP
internal import Hummingbird
internal import HummingbirdCore
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

    /// Connections at once, those of clients without a token included; others wait in the kernel's queue. Half of the
    /// descriptors that the data plane leaves are for other things.
    private static var maxConnections: Int { min(256, OpenFileLimit.current().reserve / 2) }

    /// Listens, and returns when the host shuts down.
    ///
    /// - Parameter onListening: gets the port.
    /// - Throws: ``AdminError`` when the address can't be listened on.
    package func run(
        over listener: TCPListener, onListening: @escaping @Sendable (Int) -> Void
    ) async throws {
        let application = Application(
            responder: router(token: listener.token).responder,
            server: HTTPServerBuilder { responder in
                AdminChannel(responder: responder, token: listener.token)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(listener.host, port: listener.port),
                availableConnectionsDelegate: .maximum(Self.maxConnections, logger: serverLogger)),
            onServerRunning: { channel in
                await AcceptGate.install(on: channel, logger: logger)
                onListening(channel.localAddress?.port ?? listener.port)
            },
            eventLoopGroupProvider: .singleton,
            logger: serverLogger)
        do {
            try await application.run()
        } catch {
            throw AdminError(
                code: .cannotListen,
                message:
                    "cannot listen for the admin API on \(ListenAddress(host: listener.host, port: listener.port)): "
                    + "\(SystemError.reason(of: error)); choose another address with --admin-listen",
                cause: error)
        }
    }
}
