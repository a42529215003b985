internal import HostAdmin
internal import HostDeployment
internal import HostRouting
internal import Logging

/// Where a host listens to its operators: the admin API on its socket, and over TCP if that is asked for.
///
/// The one file of this module that knows the admin API. The slim package (`BACKPLANE_SLIM`, see Package.swift) has
/// `WithoutAdmin/OperatorListeners.swift` in its place.
final class OperatorListeners: Sendable {
    private let configuration: HostConfiguration
    private let token: AdminToken?

    init(_ configuration: HostConfiguration) {
        self.configuration = configuration
        token = configuration.adminTokenFile.map { AdminToken(file: $0) }
    }

    /// The path of the admin socket.
    var socket: String {
        configuration.adminSocket
            ?? AdminSocket.defaultPath(pluginsDirectory: configuration.pluginsDirectory)
    }

    /// Reads the file of the token again, if there is one.
    ///
    /// - Throws: ``AdminError`` when the file can't be used; the old token holds on.
    func readToken() throws {
        try token?.read()
    }

    /// Before anything else of the host starts.
    ///
    /// - Throws: an error for people when the API is to be served over TCP and has no usable token.
    func requireToken() throws {
        guard configuration.adminPort != nil else { return }
        guard let token else {
            throw HostError(
                "the admin API is not served over TCP without a token; name a file that has one "
                    + "with --admin-token-file, or leave --admin-listen out")
        }
        try token.read()
    }

    /// The listeners of one run of the host.
    func make(
        catalog: PluginCatalog, control: ControlPlane, handles: HandleCalls, logger: Logger
    ) -> Listening {
        let server = AdminServer(
            path: socket, catalog: catalog, control: control, handles: handles, logger: logger)
        return Listening(server, listener)
    }

    /// Where the admin API is served over TCP, if anywhere.
    private var listener: AdminServer.TCPListener? {
        guard let port = configuration.adminPort, let token else { return nil }
        return AdminServer.TCPListener(host: configuration.adminHost, port: port, token: token)
    }

    struct Listening: Sendable {
        private let server: AdminServer
        private let listener: AdminServer.TCPListener?
        private let listensOnSocket = Beginning<Void>()
        private let listensOverTCP = Beginning<Int>()

        fileprivate init(_ server: AdminServer, _ listener: AdminServer.TCPListener?) {
            self.server = server
            self.listener = listener
        }

        /// What runs as long as the host does.
        var parts: [HostPart] {
            var parts = [
                HostPart {
                    try await listensOnSocket.failing {
                        try await server.run { result in
                            switch result {
                            case .success: listensOnSocket.begun(())
                            case .failure(let error): listensOnSocket.failed(error)
                            }
                        }
                    }
                }
            ]
            if let listener {
                parts.append(
                    HostPart {
                        try await listensOverTCP.failing {
                            try await server.run(over: listener) { listensOverTCP.begun($0) }
                        }
                    })
            }
            return parts
        }

        /// Waits until operators can connect.
        ///
        /// - Returns: the port over TCP; nil: the socket alone.
        /// - Throws: why they can't.
        func begun() async throws -> Int? {
            // The socket first: its error says that a host runs already.
            try await listensOnSocket.value()
            return listener == nil ? nil : try await listensOverTCP.value()
        }

        /// For an exit that does not wait for the parts.
        func removeSocket() {
            server.removeSocket()
        }
    }
}
