internal import ArgumentParser
internal import Backplane
internal import Logging
internal import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the plugins of a directory.",
        discussion: """
            SIGTERM or SIGINT stops listening, lets requests finish and exits with status 0; a second one exits at once.
            Durations are written 2ms, 10s, 1m; 'none' where there may be no limit.
            """)

    @Option(help: ArgumentHelp("The directory with the libraries.", valueName: "directory"))
    var pluginsDir = "plugins.d"

    @Option(help: ArgumentHelp("The address to listen on.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("The port to listen on; 0: any free one.", valueName: "port"))
    var port = 8000

    @Flag(inversion: .prefixedNo, help: "Notice libraries and manifests that appear, change or go.")
    var watch = true

    @Option(
        help: ArgumentHelp(
            "The admin socket.",
            discussion: "Default: $XDG_RUNTIME_DIR/backplane.sock, or else <plugins-dir>.sock.",
            valueName: "path"))
    var adminSocket: String?

    @Option(
        help: ArgumentHelp(
            "Write where the host can be reached, as JSON, to this file once it listens.",
            discussion:
                #"{"http": {"host": "127.0.0.1", "port": 8000}, "admin_socket": "...", "pid": 1}"#,
            valueName: "path"))
    var readyFile: String?

    @Option(
        help: ArgumentHelp(
            "Threads that do I/O. Default: half of the processors.", valueName: "count"))
    var ioThreads: Int?

    @Option(help: ArgumentHelp("How long a caller waits for its answer.", valueName: "duration"))
    var requestTimeout = DurationArgument(.seconds(30))

    @Option(help: ArgumentHelp("Calls that may wait for one plugin.", valueName: "count"))
    var maxQueuedRequests = 1_024

    @Option(help: ArgumentHelp("The largest request body.", valueName: "bytes"))
    var maxBodySize = 16 << 20

    @Option(help: ArgumentHelp("Connections at once.", valueName: "count"))
    var maxConnections = 10_000

    @Option(
        help: ArgumentHelp(
            "How long a connection may be open without a request.", valueName: "duration"))
    var idleTimeout = DurationArgument(.seconds(60))

    @Option(
        help: ArgumentHelp(
            "How long a request may take to arrive; each KiB earns a second more.",
            valueName: "duration"))
    var transferTimeout = DurationArgument(.seconds(20))

    @Option(
        help: ArgumentHelp("How long a plugin's create, load, ... may take.", valueName: "duration")
    )
    var lifecycleTimeout = DurationArgument(.seconds(30))

    @Option(
        help: ArgumentHelp(
            "How long a replaced generation may finish its calls.", valueName: "duration"))
    var drainTimeout = DurationArgument(.seconds(20))

    @Option(help: ArgumentHelp("How long requests may finish at the end.", valueName: "duration"))
    var shutdownTimeout = DurationArgument(.seconds(20))

    @Option(
        help: ArgumentHelp(
            "Finalized generations of one plugin that may stay mapped.", valueName: "count"))
    var maxRetiredGenerations = 256

    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical.", valueName: "level"),
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                throw ValidationError("'\(text)' is no log level")
            }
            return level
        })
    var logLevel = Logger.Level.info

    func validate() throws {
        for (name, value, least) in [
            ("--port", port, 0), ("--io-threads", ioThreads ?? 1, 1),
            ("--max-queued-requests", maxQueuedRequests, 1), ("--max-body-size", maxBodySize, 0),
            ("--max-connections", maxConnections, 1),
            ("--max-retired-generations", maxRetiredGenerations, 1),
        ] where value < least {
            throw ValidationError("\(name) is \(value); it must be at least \(least)")
        }
        guard port <= 65_535 else { throw ValidationError("--port is \(port); ports end at 65535") }
    }

    func run() async throws {
        if let readyFile { try ReadyFile.prepare(readyFile) }
        let logger = makeLogger()
        OpenFiles.raiseLimit()
        let host = BackplaneHost(configuration: configuration, logger: logger) { addresses in
            announce(addresses, logger: logger)
        }
        let group = ServiceGroup(
            services: [host], logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        let signals = ShutdownSignals(logger: logger) { await group.triggerGracefulShutdown() }
        try await signals.run { try await group.run() }
        // Not by returning: exit handlers and destructors of plugin libraries would run while their threads do.
        ProcessExit.now(status: 0)
    }

    private func makeLogger() -> Logger {
        var logger = Logger(label: "backplane") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        return logger
    }

    private var configuration: HostConfiguration {
        var configuration = HostConfiguration()
        configuration.pluginsDirectory = pluginsDir
        configuration.watchesPlugins = watch
        configuration.host = host
        configuration.port = port
        configuration.adminSocket = adminSocket
        configuration.eventLoopCount = ioThreads
        configuration.requestTimeout = requestTimeout.duration
        configuration.maxQueuedRequests = maxQueuedRequests
        configuration.maxBodySize = maxBodySize
        configuration.maxConnections = maxConnections
        configuration.maxRetiredGenerations = maxRetiredGenerations
        let never = Duration.seconds(365 * 24 * 3_600)
        configuration.idleTimeout = idleTimeout.duration ?? never
        configuration.transferTimeout = transferTimeout.duration ?? never
        configuration.lifecycleTimeout = lifecycleTimeout.duration ?? never
        configuration.drainTimeout = drainTimeout.duration ?? never
        configuration.shutdownTimeout = shutdownTimeout.duration ?? never
        return configuration
    }

    private func announce(_ addresses: BackplaneHost.Addresses, logger: Logger) {
        if let readyFile {
            do {
                try ReadyFile.write(addresses, to: readyFile)
            } catch {
                logger.error("cannot write \(readyFile): \(error)")
            }
        }
        let url = "http://\(addresses.host):\(addresses.port)"
        print("backplane \(Version.text) serves \(pluginsDir) on \(url)")
        let route = addresses.routes.contains("/echo") ? "/echo" : addresses.routes.first
        if let route {
            print("try: curl -d 'hi there' \(url)\(route)")
        } else {
            print("no plugins yet: drop a lib<name>.so into \(pluginsDir) and call \(url)/<name>")
        }
        ProcessExit.flush()
    }
}
