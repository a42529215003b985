internal import ArgumentParser
internal import Backplane
internal import Foundation
internal import HostConfigurationFiles
internal import HostCore
internal import HostLogging
internal import Logging
internal import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the plugins of a directory.",
        discussion: """
            SIGTERM or SIGINT stops listening, lets requests finish and exits with status 0; a second one exits at once.
            SIGHUP applies the configuration file anew, and reads the admin token's.
            A plugin that crashes, and has no process of its own (--isolation), ends the host by its signal, one that calls exit() with status 70; the last line of the
            log says which one it was.
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
            "Where plugins keep their data, each in a directory of its own.",
            discussion: "Default: beside the state file, with .data in place of .state.",
            valueName: "path"))
    var dataDir: String?

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
        ProgramEnd.reportSignals()
        try HostLog.start()
        do {
            try await serve()
        } catch {
            // Not by throwing, either: plugins may be loaded.
            HostLog.flush()
            let message = "\(Self.fullMessage(for: Failure(error)))\n"
            try? FileHandle.standardError.write(contentsOf: Data(message.utf8))
            ProgramEnd.now(status: Self.exitCode(for: error).rawValue)
        }
        // Not by returning: exit handlers and destructors of plugin libraries would run while their threads do.
        ProgramEnd.now(status: 0)
    }

    /// Why the host could not start or go on, in a line.
    private struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ error: any Error) {
            description = SystemError.reason(of: error)
        }
    }

    private func serve() async throws {
        let logger = HostLog.logger(label: "backplane", level: logLevel)
        OpenFiles.raiseLimit()
        let readyFile = try readyFile.map { path throws(ReadyFile.Unwritable) in
            try ReadyFile(path)
        }
        defer { readyFile?.remove() }
        let configuration = try configuration()
        let host = BackplaneHost(configuration: configuration, logger: logger) { addresses in
            announce(addresses, of: configuration, readyFile, logger: logger)
        }
        let group = ServiceGroup(
            services: [host], logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        let signals = HostSignals(
            logger: logger,
            shutDown: {
                readyFile?.remove()
                await group.triggerGracefulShutdown()
            },
            reload: {
                readAdminToken(configuration, host, logger: logger)
                await applyFile(to: host, logger: logger)
            })
        try await ProgramEnd.guardingExit {
            try await signals.run { try await group.run() }
        }
    }

    /// The defaults, what the file says in place of them, and the options in place of that.
    private func configuration() throws -> HostConfiguration {
        var configuration = HostConfiguration()
        if let config {
            let file = try HostFile.read(config)
            HostOptions(file: file).apply(to: &configuration)
            configuration.configurationFile = config
            configuration.fileSettings = file
        }
        options.apply(to: &configuration)
        configuration.fixedSettings = options.givenKeys
        configuration.stateFile = stateFile
        configuration.dataDirectory = dataDir
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
            logger.error(
                "SIGHUP: the admin token has not changed: \(SystemError.reason(of: error))")
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
            logger.error("SIGHUP: nothing has changed: \(SystemError.reason(of: error))")
        }
    }

    private func announce(
        _ addresses: BackplaneHost.Addresses, of configuration: HostConfiguration,
        _ readyFile: ReadyFile?, logger: Logger
    ) {
        let pluginsDir = configuration.pluginsDirectory
        let url = "http://\(ListenAddress(host: addresses.host, port: addresses.port))"
        print("backplane \(Version.text) serves \(pluginsDir) on \(url)")
        if let port = addresses.adminPort {
            let listen = ListenAddress(host: configuration.adminHost, port: port)
            print("the admin API is at http://\(listen) for those who have the token")
        }
        let route = addresses.routes.contains("/echo") ? "/echo" : addresses.routes.first
        if let route {
            print("try: curl -d 'hi there' \(url)\(route)")
        } else {
            print("no plugins yet: drop a lib<name>.so into \(pluginsDir) and call \(url)/<name>")
        }
        ProgramEnd.flush()
        // Last: whoever waits for the file finds the rest said.
        do {
            try readyFile?.write(addresses, adminHost: configuration.adminHost)
        } catch {
            logger.error("\(error)")
        }
    }
}
