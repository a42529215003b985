internal import HostAdmin
package import HostControl
internal import HostDispatch
internal import HostIngress
internal import HostMiddleware
internal import HostPlugins
public import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle

/// A host: plugins, HTTP listener and admin socket.
///
/// A `Service`: ``run()`` is its lifetime. A graceful shutdown stops the listener, lets requests finish, destroys the
/// replicas and returns; what takes longer than ``HostConfiguration/shutdownTimeout`` is given up.
public struct BackplaneHost: Service {
    /// Where a host can be reached.
    public struct Addresses: Sendable {
        /// The address of the HTTP listener.
        public let host: String
        /// The port of the HTTP listener.
        public let port: Int
        /// The path of the admin socket.
        public let adminSocket: String
        /// The port of the admin API over TCP; nil when only the socket serves it.
        public let adminPort: Int?
        /// The routes served at this moment.
        public let routes: [String]
    }

    let handles: HandleCalls
    let control: ControlPlane
    /// Of plugins.
    private let stages: PluginStages
    package let routes: RouteTable
    private let configuration: HostConfiguration
    private let adminToken: AdminToken?
    private let logger: Logger
    private var onListening: @Sendable (Addresses) -> Void

    /// - Parameter onListening: called once, when the first request can be answered.
    public init(
        configuration: HostConfiguration = HostConfiguration(), logger: Logger,
        onListening: @escaping @Sendable (Addresses) -> Void = { _ in }
    ) {
        self.configuration = configuration
        adminToken = configuration.adminTokenFile.map { AdminToken(file: $0) }
        self.logger = logger
        self.onListening = onListening
        routes = RouteTable()
        let kinds = configuration.middlewareKinds
        let directory = configuration.pluginsDirectory
        let stages = PluginStages(
            decisionLimit: configuration.requestTimeout,
            lifecycleTimeout: configuration.lifecycleTimeout,
            libraries: { PluginName.all(in: directory) })
        self.stages = stages
        control = ControlPlane(
            routes: routes,
            catalog: MiddlewareCatalog(
                others: { name in
                    kinds.first { $0.name == name } ?? stages.kind(named: name)
                },
                otherNames: { kinds.map(\.name) + stages.names },
                awaited: { PluginName.isValid($0) ? stages.awaitedKind(named: $0) : nil }),
            outermost: configuration.outermost
                + configuration.middleware.map {
                    MiddlewareChain.Link(name: $0.name, ProgramStage($0, logger: logger))
                }, logger: logger)
        handles = HandleCalls(
            routes: routes, registrationTimeout: configuration.requestTimeout)
    }

    /// The same host, which announces itself to one more listener.
    init(_ host: BackplaneHost, alsoTelling onListening: @escaping @Sendable (Addresses) -> Void) {
        self = host
        self.onListening = { addresses in
            host.onListening(addresses)
            onListening(addresses)
        }
    }

    /// Where the admin socket is.
    public var adminSocket: String {
        configuration.adminSocket
            ?? AdminSocket.defaultPath(pluginsDirectory: configuration.pluginsDirectory)
    }

    /// Where operators' changes are kept.
    public var stateFile: String {
        configuration.stateFile ?? "\(configuration.pluginsDirectory).state"
    }

    /// Applies the configuration file: all of it takes effect, or nothing. What it says of listeners and limits is read
    /// when the host starts.
    ///
    /// - Returns: a line for each difference.
    /// - Throws: an error with a one-line description for people: file, line and column of what can't be used.
    @discardableResult
    public func applyConfigurationFile() async throws -> [String] {
        guard let file = configuration.configurationFile else { return [] }
        return try await control.applyFile(file)
    }

    /// Reads the file of the admin API's token again: from then on the new token holds. Without such a file nothing
    /// happens.
    ///
    /// - Throws: an error with a one-line description for people when the file can't be used; the old token holds on.
    public func readAdminToken() throws {
        try adminToken?.read()
    }

    /// Serves until a graceful shutdown.
    ///
    /// - Throws: an error with a one-line description for people when the plugins directory is missing, a port or the
    ///   socket can't be listened on, the state, the configuration file or the admin token can't be used, or there is
    ///   no place for copies of libraries.
    public func run() async throws {
        guard DirectoryListing.exists(configuration.pluginsDirectory) else {
            throw HostError(
                "no directory \(configuration.pluginsDirectory); make it, or name another one with "
                    + "--plugins-dir")
        }
        let adminListener = try adminListener()
        let store = try LibraryStore()
        let eventLoops = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.eventLoopCount ?? Self.defaultEventLoopCount)
        let catalog = PluginCatalog(
            settings: controlSettings, control: control, handles: handles, stages: stages,
            store: store, logger: logger)
        let admin = AdminServer(
            path: adminSocket, catalog: catalog, control: control, handles: handles,
            logger: logger)
        let server = HTTPServer(
            settings: ingressSettings, routes: routes, eventLoops: eventLoops, logger: logger)
        // Shut down in reverse: first the listener, so that plugins are there as long as requests are. One that fails
        // shuts the others down: cancelled, they would leave behind what they have opened.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: parts(of: catalog, admin, adminListener, server).map {
                    .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
                }, logger: quiet(logger)))
        do {
            try await ShutdownLimit.run(within: configuration.shutdownTimeout) {
                try await group.run()
            }
        } catch is ShutdownLimit.Exceeded {
            logger.warning("giving up what did not finish within the shutdown timeout")
            admin.removeSocket()
            store.remove()
            // The event loops stay with what still runs on them.
            return
        } catch {
            try? await eventLoops.shutdownGracefully()
            throw error
        }
        try await eventLoops.shutdownGracefully()
    }

    /// Where the admin API is served over TCP, if anywhere.
    private func adminListener() throws -> AdminServer.TCPListener? {
        guard let port = configuration.adminPort else { return nil }
        guard let adminToken else {
            throw HostError(
                "the admin API is not served over TCP without a token; name a file that has one "
                    + "with --admin-token-file, or leave --admin-listen out")
        }
        try adminToken.read()
        return AdminServer.TCPListener(
            host: configuration.adminHost, port: port, token: adminToken)
    }

    /// What runs as long as the host does, in the order in which it starts.
    private func parts(
        of catalog: PluginCatalog, _ admin: AdminServer, _ tcp: AdminServer.TCPListener?,
        _ server: HTTPServer
    ) -> [Part] {
        let (adminListens, adminListensOverTCP) = (Beginning<Void>(), Beginning<Int>())
        var parts = [
            Part { await catalog.run() },
            Part {
                try await adminListens.failing {
                    try await admin.run { result in
                        switch result {
                        case .success: adminListens.begun(())
                        case .failure(let error): adminListens.failed(error)
                        }
                    }
                }
            },
        ]
        if let tcp {
            parts.append(
                Part {
                    try await adminListensOverTCP.failing {
                        try await admin.run(over: tcp) { adminListensOverTCP.begun($0) }
                    }
                })
        }
        let serving = Part {
            // The socket first: its error says that a host runs already.
            try await adminListens.value()
            let adminPort = tcp == nil ? nil : try await adminListensOverTCP.value()
            let state = try await StateStore.open(stateFile)
            try await catalog.start(
                state, file: configuration.configurationFile, within: configuration.startTimeout)
            let port = try await server.start()
            onListening(
                Addresses(
                    host: configuration.host, port: port, adminSocket: adminSocket,
                    adminPort: adminPort, routes: routes.routed.map(\.route)))
            await server.run()
        }
        return parts + [serving]
    }

    private var controlSettings: ControlSettings {
        var settings = ControlSettings(pluginsDirectory: configuration.pluginsDirectory)
        settings.watchesDirectory = configuration.watchesPlugins
        settings.maxRetiredGenerations = configuration.maxRetiredGenerations
        settings.backendDefaults.requestTimeout = configuration.requestTimeout
        settings.backendDefaults.maxQueuedRequests = configuration.maxQueuedRequests
        settings.backendDefaults.lifecycleTimeout = configuration.lifecycleTimeout
        settings.backendDefaults.drainTimeout = configuration.drainTimeout
        return settings
    }

    private var ingressSettings: IngressSettings {
        var settings = IngressSettings()
        settings.host = configuration.host
        settings.port = configuration.port
        settings.maxBodySize = configuration.maxBodySize
        settings.maxConnections = configuration.maxConnections
        settings.idleTimeout = configuration.idleTimeout
        settings.transferTimeout = configuration.transferTimeout
        // What is left is for the replicas to be destroyed in.
        settings.shutdownTimeout = configuration.shutdownTimeout * 3 / 4
        return settings
    }

    /// Half of the processors: the other half runs plugins.
    private static var defaultEventLoopCount: Int { max(1, System.coreCount / 2) }

    /// The service group's own log is about its parts, which are ours, not the operator's.
    private func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(.error, logger.logLevel)
        return quiet
    }
}

/// A part of the host as a service.
private struct Part: Service {
    let body: @Sendable () async throws -> Void

    init(_ body: @escaping @Sendable () async throws -> Void) {
        self.body = body
    }

    func run() async throws { try await body() }
}

extension BackplaneHost {
    /// The host's version, such as `0.1.0`.
    public static let version = HostVersion.current
}
