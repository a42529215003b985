internal import ArgumentParser
internal import Backplane
internal import HostConfigurationFiles
internal import HostCore
internal import HostForms
internal import HostWorkers

#if canImport(Glibc)
internal import Glibc
#endif

/// What the command line, or the configuration file, says of the host. What neither says has its default.
struct HostOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The directory with the libraries. Default: plugins.d.", valueName: "directory"))
    var pluginsDir: String?

    @Option(
        help: ArgumentHelp("The address to listen on. Default: 127.0.0.1.", valueName: "address"))
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The port to listen on; 0: any free one. Default: 8000.", valueName: "port"))
    var port: Int?

    @Option(
        help: ArgumentHelp(
            "The admin socket.",
            discussion: "Default: $XDG_RUNTIME_DIR/backplane.sock, or else <plugins-dir>.sock.",
            valueName: "path"))
    var adminSocket: String?

    @Option(
        help: ArgumentHelp(
            "Serve the admin API over TCP as well, for those who have the token.",
            discussion: "Not encrypted: 127.0.0.1, or TLS in front of it. Default: not at all.",
            valueName: "host:port"),
        transform: { text in
            guard let listen = ListenAddress(text) else {
                throw ValidationError(
                    "'\(text)' is no address and port, such as 127.0.0.1:9000 or [::1]:9000")
            }
            return listen
        })
    var adminListen: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "A file with the token for --admin-listen, of mode 0600.",
            discussion: "SIGHUP reads it anew. `openssl rand -hex 32` makes a token.",
            valueName: "path"))
    var adminTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "Where plugins run whose manifests don't say: process, in processes of their own, or none, in the host's. Default: none.",
            valueName: "isolation"),
        transform: { text in
            guard let isolation = HostConfiguration.PluginIsolation(rawValue: text) else {
                throw ValidationError("'\(text)' is neither process nor none")
            }
            return isolation
        })
    var isolation: HostConfiguration.PluginIsolation?

    @Option(
        help: ArgumentHelp(
            "The program of worker processes. Default: backplane-worker beside this program.",
            valueName: "path"))
    var worker: String?

    @Option(
        help: ArgumentHelp(
            "Threads that do I/O. Default: half of the processors.", valueName: "count"))
    var ioThreads: Int?

    @Option(
        help: ArgumentHelp(
            "How long a caller waits for its answer. Default: 30s.", valueName: "duration"),
        transform: DurationArgument.read)
    var requestTimeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "Calls that may wait for one backend. Default: 1024.", valueName: "count"))
    var maxQueuedRequests: Int?

    @Option(
        help: ArgumentHelp("The largest request body. Default: 16777216.", valueName: "bytes"))
    var maxBodySize: Int?

    @Option(
        help: ArgumentHelp(
            "Bytes of request bodies that may be held at once, from all connections.",
            discussion: "Default: 268435456, or four times --max-body-size if that is more.",
            valueName: "bytes"))
    var maxBufferedBodies: Int?

    @Option(
        help: ArgumentHelp(
            "Connections at once; fewer if the limit of open files is low. Default: 10000.",
            valueName: "count"))
    var maxConnections: Int?

    @Option(
        help: ArgumentHelp(
            "How long a connection may be open without a request. Default: 60s.",
            valueName: "duration"),
        transform: DurationArgument.read)
    var idleTimeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "How long a request may take to arrive; each KiB earns a second more. Default: 20s.",
            valueName: "duration"),
        transform: DurationArgument.read)
    var transferTimeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "How long a plugin's create, load, ... may take. Default: 30s.", valueName: "duration"),
        transform: DurationArgument.read)
    var lifecycleTimeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "How long a replaced generation may finish its calls. Default: 20s.",
            valueName: "duration"),
        transform: DurationArgument.read)
    var drainTimeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "How long requests may finish at the end. Default: 20s.", valueName: "duration"),
        transform: DurationArgument.read)
    var shutdownTimeout: DurationArgument?

    @Option(
        help: ArgumentHelp(
            "Finalized generations of one plugin that may stay mapped. Default: 256.",
            valueName: "count"))
    var maxRetiredGenerations: Int?

    func validate() throws {
        for (name, value, least) in [
            ("--port", port, 0), ("--io-threads", ioThreads, 1),
            ("--max-queued-requests", maxQueuedRequests, 1), ("--max-body-size", maxBodySize, 0),
            ("--max-buffered-bodies", maxBufferedBodies, 1),
            ("--max-connections", maxConnections, 1),
            ("--max-retired-generations", maxRetiredGenerations, 1),
        ] {
            if let value, value < least {
                throw ValidationError("\(name) is \(value); it must be at least \(least)")
            }
        }
        if let worker, unsafe access(worker, X_OK) != 0 {
            throw ValidationError("--worker is \(worker): \(SystemError.current)")
        }
        if let port, port > 65_535 {
            throw ValidationError("--port is \(port); ports end at 65535")
        }
    }

    func apply(to configuration: inout HostConfiguration) {
        let never = Duration.seconds(365 * 24 * 3_600)
        set(&configuration.pluginsDirectory, pluginsDir)
        set(&configuration.host, host.map(ListenAddress.withoutBrackets))
        set(&configuration.port, port)
        set(&configuration.maxQueuedRequests, maxQueuedRequests)
        set(&configuration.maxBodySize, maxBodySize)
        if let maxBufferedBodies { configuration.maxBufferedBodies = maxBufferedBodies }
        set(&configuration.maxConnections, maxConnections)
        set(&configuration.maxRetiredGenerations, maxRetiredGenerations)
        set(&configuration.requestTimeout, requestTimeout.map(\.duration))
        set(&configuration.idleTimeout, idleTimeout.map { $0.duration ?? never })
        set(&configuration.transferTimeout, transferTimeout.map { $0.duration ?? never })
        set(&configuration.lifecycleTimeout, lifecycleTimeout.map { $0.duration ?? never })
        set(&configuration.drainTimeout, drainTimeout.map { $0.duration ?? never })
        set(&configuration.shutdownTimeout, shutdownTimeout.map { $0.duration ?? never })
        if let adminSocket { configuration.adminSocket = adminSocket }
        if let adminListen {
            configuration.adminHost = adminListen.host
            configuration.adminPort = adminListen.port
        }
        if let adminTokenFile { configuration.adminTokenFile = adminTokenFile }
        set(&configuration.isolation, isolation)
        if let worker { configuration.workerPath = worker }
        if let ioThreads { configuration.eventLoopCount = ioThreads }
    }

    /// The keys of a configuration file that are given here, and so go before it.
    var givenKeys: Set<String> {
        let given: [(String, Bool)] = [
            ("plugins_dir", pluginsDir != nil), ("listen", host != nil && port != nil),
            ("admin_socket", adminSocket != nil), ("admin_listen", adminListen != nil),
            ("admin_token_file", adminTokenFile != nil),
            ("isolation", isolation != nil), ("worker", worker != nil),
            ("limits.io_threads", ioThreads != nil),
            ("limits.request_timeout", requestTimeout != nil),
            ("limits.max_queued_requests", maxQueuedRequests != nil),
            ("limits.max_body_size", maxBodySize != nil),
            ("limits.max_connections", maxConnections != nil),
            ("limits.idle_timeout", idleTimeout != nil),
            ("limits.transfer_timeout", transferTimeout != nil),
            ("limits.lifecycle_timeout", lifecycleTimeout != nil),
            ("limits.drain_timeout", drainTimeout != nil),
            ("limits.shutdown_timeout", shutdownTimeout != nil),
            ("limits.max_retired_generations", maxRetiredGenerations != nil),
        ]
        return Set(given.filter { $0.1 }.map { $0.0 })
    }

    private func set<Value>(_ member: inout Value, _ value: Value?) {
        if let value { member = value }
    }
}

extension HostOptions {
    /// What a configuration file says.
    init(file: HostFile) {
        self.init()
        pluginsDir = file.pluginsDirectory
        host = file.listen?.host
        port = file.listen?.port
        adminSocket = file.adminSocket
        adminListen = file.adminListen
        adminTokenFile = file.adminTokenFile
        isolation = file.isolation.flatMap { .init(rawValue: $0.rawValue) }
        worker = file.worker
        ioThreads = file.limits.ioThreads
        maxQueuedRequests = file.limits.maxQueuedRequests
        maxBodySize = file.limits.maxBodySize
        maxBufferedBodies = file.limits.maxBufferedBodies
        maxConnections = file.limits.maxConnections
        maxRetiredGenerations = file.limits.maxRetiredGenerations
        requestTimeout = file.limits.requestTimeout.map { DurationArgument($0.duration) }
        idleTimeout = file.limits.idleTimeout.map { DurationArgument($0.duration) }
        transferTimeout = file.limits.transferTimeout.map { DurationArgument($0.duration) }
        lifecycleTimeout = file.limits.lifecycleTimeout.map { DurationArgument($0.duration) }
        drainTimeout = file.limits.drainTimeout.map { DurationArgument($0.duration) }
        shutdownTimeout = file.limits.shutdownTimeout.map { DurationArgument($0.duration) }
    }
}
