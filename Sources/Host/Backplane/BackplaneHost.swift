internal import HostCore
package import HostDeployment
internal import HostDispatch
internal import HostHTTP
internal import HostLoader
internal import HostPipeline
internal import HostPluginStages
package import HostRouting
internal import HostStages
internal import HostState
internal import HostWorkers
public import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle

#if canImport(Glibc)
internal import Glibc
#endif

/// A host: plugins, the faces that requests come in by, and the admin socket.
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

    package let handles: HandleCalls
    package let control: ControlPlane
    /// Of plugins.
    private let stages: PluginStages
    package let routes: RouteTable
    private let configuration: HostConfiguration
    private let operators: OperatorListeners
    private let runningCatalog: NIOLockedValueBox<PluginCatalog?>
    private let logger: Logger
    private var onListening: @Sendable (Addresses) -> Void

    /// - Parameter onListening: called once, when the first request can be answered.
    public init(
        configuration: HostConfiguration = HostConfiguration(), logger: Logger,
        onListening: @escaping @Sendable (Addresses) -> Void = { _ in }
    ) {
        self.configuration = configuration
        operators = OperatorListeners(configuration)
        runningCatalog = NIOLockedValueBox(nil)
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
                }, hostSettings: configuration.settings, observer: configuration.callObserver,
            logger: logger)
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
    public var adminSocket: String { operators.socket }

    /// Where operators' changes are kept.
    public var stateFile: String {
        configuration.stateFile ?? "\(configuration.pluginsDirectory).state"
    }

    /// Where plugins keep their data, each in a directory of its own.
    public var dataDirectory: String {
        if let directory = configuration.dataDirectory { return directory }
        let base = stateFile.hasSuffix(".state") ? String(stateFile.dropLast(6)) : stateFile
        return "\(base).data"
    }

    /// Applies the configuration file: all of it takes effect, once it is ready to serve, or nothing. What it says of
    /// listeners and limits is read when the host starts.
    ///
    /// - Returns: a line for each difference; those that take a restart say so.
    /// - Throws: an error with a one-line description for people: file, line and column of what can't be used.
    @discardableResult
    public func applyConfigurationFile() async throws -> [String] {
        guard let file = configuration.configurationFile else { return [] }
        let made = try await control.applyFile(file)
        return made.changes + made.restart
    }

    /// Reads the file of the admin API's token again: from then on the new token holds. Without such a file nothing
    /// happens.
    ///
    /// - Throws: an error with a one-line description for people when the file can't be used; the old token holds on.
    public func readAdminToken() throws {
        try operators.readToken()
    }

    /// The plugins, while the host runs; nil before.
    package var catalog: PluginCatalog? { runningCatalog.withLockedValue { $0 } }

    /// Serves until a graceful shutdown.
    ///
    /// - Throws: an error with a one-line description for people when the plugins directory is missing, a port or the
    ///   socket can't be listened on, the state, the configuration file or the admin token can't be used, or there is
    ///   no place for copies of libraries.
    public func run() async throws {
        try requirePluginsDirectory()
        try operators.requireToken()
        let store = try LibraryStore(journal: LoadJournal(file: "\(stateFile).loading"))
        let eventLoops = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.eventLoopCount ?? Self.defaultEventLoopCount)
        let acceptor = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let catalog = PluginCatalog(
            settings: controlSettings, control: control, handles: handles, stages: stages,
            store: store, arrivals: routes.arrivals,
            versions: LibraryVersions(directory: "\(stateFile).libraries"), logger: logger)
        runningCatalog.withLockedValue { $0 = catalog }
        let listeners = operators.make(
            catalog: catalog, control: control, handles: handles, logger: logger)
        let server = HTTPServer(
            settings: ingressSettings, routes: routes, eventLoops: eventLoops,
            acceptor: acceptor, logger: logger)
        let others = configuration.faces.map { $0(routes) }
        // Shut down in reverse: first the listener, so that plugins are there as long as requests are. One that fails
        // shuts the others down: cancelled, they would leave behind what they have opened.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: parts(of: catalog, listeners, server, others).map {
                    .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
                }, logger: quiet(logger)))
        do {
            try await ShutdownLimit.run(within: configuration.shutdownTimeout) {
                try await group.run()
            }
        } catch is ShutdownLimit.Exceeded {
            logger.warning("giving up what did not finish within the shutdown timeout")
            listeners.removeSocket()
            store.remove()
            await LogWriter.finishAll(within: Self.logTime)
            // The event loops stay with what still runs on them.
            return
        } catch {
            try? await acceptor.shutdownGracefully()
            try? await eventLoops.shutdownGracefully()
            throw error
        }
        await LogWriter.finishAll(within: Self.logTime)
        try await acceptor.shutdownGracefully()
        try await eventLoops.shutdownGracefully()
    }

    /// How long the end of a host waits for access logs to be written.
    private static let logTime = Duration.seconds(5)

    private func requirePluginsDirectory() throws(HostError) {
        let directory = configuration.pluginsDirectory
        guard !DirectoryListing.exists(directory) else { return }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw HostError(
                "cannot read the directory \(directory): \(SystemError.current); "
                    + "name another one with --plugins-dir")
        }
        throw HostError(
            "no directory \(directory); make it, or name another one with --plugins-dir")
    }

    /// What runs as long as the host does, in the order in which it starts.
    private func parts(
        of catalog: PluginCatalog, _ operators: OperatorListeners.Listening, _ http: any Face,
        _ others: [any Face]
    ) -> [HostPart] {
        let serving = HostPart {
            let adminPort = try await operators.begun()
            let state = try await StateStore.open(stateFile)
            try await catalog.start(
                state, file: configuration.configurationFile, within: configuration.startTimeout)
            // One that can't start has those before it drained.
            try await withThrowingTaskGroup { group in
                let port = try await http.start()
                group.addTask { await http.run() }
                for face in others {
                    _ = try await face.start()
                    group.addTask { await face.run() }
                }
                onListening(
                    Addresses(
                        host: configuration.host, port: port, adminSocket: adminSocket,
                        adminPort: adminPort, routes: routes.routed.map(\.route)))
                try await group.waitForAll()
            }
        }
        return [HostPart { await catalog.run() }] + operators.parts + [serving]
    }

    private var controlSettings: ControlSettings {
        var settings = ControlSettings(pluginsDirectory: configuration.pluginsDirectory)
        settings.dataDirectory = dataDirectory
        settings.watchesDirectory = configuration.watchesPlugins
        settings.isolation = Isolation(configuration.isolation)
        settings.worker = WorkerExecutable(path: configuration.workerPath)
        settings.worker.open()
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
        settings.maxBufferedBodies =
            configuration.maxBufferedBodies
            ?? max(settings.maxBufferedBodies, 4 * min(configuration.maxBodySize, 1 << 48))
        settings.minimumRate = configuration.minimumRate
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

extension BackplaneHost {
    /// The host's version, such as `0.1.0`.
    public static let version = HostVersion.current
}

/// A part of the host as a service: runs as long as the host does.
struct HostPart: Service {
    let body: @Sendable () async throws -> Void

    init(_ body: @escaping @Sendable () async throws -> Void) {
        self.body = body
    }

    func run() async throws { try await body() }
}
