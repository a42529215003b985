internal import ArgumentParser
internal import Backplane
internal import HostControl
internal import Logging
internal import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the plugins of a directory.",
        discussion: """
            SIGTERM or SIGINT stops listening, lets requests finish and exits with status 0; a second one exits at once.
            SIGHUP applies the configuration file anew, and reads the admin token's.
            Durations are written 2ms, 10s, 1m; 'none' where there may be no limit.
            """)

    @Option(
        help: ArgumentHelp(
            "A file that declares the host, its backends and endpoints: backplane.yaml.",
            discussion: "Options given here go before it. SIGHUP applies it anew.",
            valueName: "path"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Where operators' changes are kept. Default: <plugins-dir>.state.", valueName: "path"))
    var stateFile: String?

    @Option(
        help: ArgumentHelp(
            "Write where the host can be reached, as JSON, to this file once it listens.",
            discussion:
                #"{"http": {"host": "127.0.0.1", "port": 8000}, "admin_socket": "...", "pid": 1}"#,
            valueName: "path"))
    var readyFile: String?

    @Flag(inversion: .prefixedNo, help: "Notice libraries and manifests that appear, change or go.")
    var watch = true

    @OptionGroup var options: HostOptions

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

    func run() async throws {
        if let readyFile { try ReadyFile.prepare(readyFile) }
        let logger = makeLogger()
        OpenFiles.raiseLimit()
        let configuration = try configuration()
        let host = BackplaneHost(configuration: configuration, logger: logger) { addresses in
            announce(addresses, of: configuration, logger: logger)
        }
        let group = ServiceGroup(
            services: [host], logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        let signals = HostSignals(
            logger: logger, shutDown: { await group.triggerGracefulShutdown() },
            reload: {
                readAdminToken(configuration, host, logger: logger)
                await applyFile(to: host, logger: logger)
            })
        try await signals.run { try await group.run() }
        // Not by returning: exit handlers and destructors of plugin libraries would run while their threads do.
        ProcessExit.now(status: 0)
    }

    private func makeLogger() -> Logger {
        var logger = Logger(label: "backplane") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel
        return logger
    }

    /// The defaults, what the file says in place of them, and the options in place of that.
    private func configuration() throws -> HostConfiguration {
        var configuration = HostConfiguration()
        if let config {
            try HostOptions(file: HostFile.read(config)).apply(to: &configuration)
            configuration.configurationFile = config
        }
        options.apply(to: &configuration)
        configuration.stateFile = stateFile
        configuration.watchesPlugins = watch
        return configuration
    }

    private func readAdminToken(
        _ configuration: HostConfiguration, _ host: BackplaneHost, logger: Logger
    ) {
        guard let file = configuration.adminTokenFile else { return }
        do {
            try host.readAdminToken()
            logger.info("SIGHUP: read the admin token of \(file)")
        } catch {
            logger.error("SIGHUP: the admin token has not changed: \(error)")
        }
    }

    private func applyFile(to host: BackplaneHost, logger: Logger) async {
        guard let config else {
            logger.info("SIGHUP: there is no file to apply; name one with --config")
            return
        }
        do {
            let changes = try await host.applyConfigurationFile()
            logger.info(
                "SIGHUP: applied \(config)",
                metadata: ["changes": "\(changes.joined(separator: "; "))"])
        } catch {
            logger.error("SIGHUP: nothing has changed: \(error)")
        }
    }

    private func announce(
        _ addresses: BackplaneHost.Addresses, of configuration: HostConfiguration, logger: Logger
    ) {
        let pluginsDir = configuration.pluginsDirectory
        if let readyFile {
            do {
                try ReadyFile.write(
                    addresses, adminHost: configuration.adminHost, to: readyFile)
            } catch {
                logger.error("cannot write \(readyFile): \(error)")
            }
        }
        let url = "http://\(addresses.host):\(addresses.port)"
        print("backplane \(Version.text) serves \(pluginsDir) on \(url)")
        if let port = addresses.adminPort {
            let listen = HostFile.Listen(host: configuration.adminHost, port: port)
            print("the admin API is at http://\(listen) for who has the token")
        }
        let route = addresses.routes.contains("/echo") ? "/echo" : addresses.routes.first
        if let route {
            print("try: curl -d 'hi there' \(url)\(route)")
        } else {
            print("no plugins yet: drop a lib<name>.so into \(pluginsDir) and call \(url)/<name>")
        }
        ProcessExit.flush()
    }
}
