internal import HostCore
internal import HostDispatch
internal import HostForms
internal import HostLoader
internal import HostPipeline
internal import HostRouting
internal import HostStages
internal import HostWorkers

extension HostFile {
    static let keys: [ConfigurationKey<HostFile>] = [
        .optional(
            "listen", \.listen, ListenAddress.form,
            "Where HTTP is served: 127.0.0.1:8000, \"[::1]:8000\"; port 0 is any free one."),
        .optional(
            "plugins_dir", \.pluginsDirectory, .text("a path"), "The directory with the libraries."),
        .optional(
            "admin_socket", \.adminSocket, .text("a path"), "The socket for the other commands."),
        .optional(
            "admin_listen", \.adminListen, ListenAddress.form,
            "Where the admin API is served over TCP as well, for those who have the token."),
        .optional(
            "admin_token_file", \.adminTokenFile, .text("a path"),
            "The file with the token for admin_listen, of mode 0600."),
        .optional(
            "isolation", \.isolation, .isolation,
            "The default of the plugins' isolation: process or none. Default: none."),
        .optional(
            "worker", \.worker, .text("a path"),
            "The program of worker processes. Default: backplane-worker beside the host's program."
        ),
        .defaulted(
            "limits", \.limits, Limits.form, unless: Limits(),
            "The host's limits, and defaults of its backends."),
        .defaulted(
            "backends", \.backends,
            .entries(of: Backend.form, such: "{echo: {plugin: echo}}").orEmpty([:]), unless: [:],
            "The backends by their tags, which may be any text."),
        .defaulted(
            "endpoints", \.endpoints,
            .entries(of: Endpoint.form, such: "{echo: {route: /echo, traffic: {echo: 1}}}")
                .orEmpty([:]),
            unless: [:], "The endpoints by their names."),
        .defaulted(
            "middleware", \.middleware, MiddlewareEntry.list.orEmpty([]), unless: [],
            "Stages around all endpoints, the outermost first."),
    ]

    /// A file whose lines are all commented out is one that says nothing.
    static let form = ConfigurationForm<HostFile>
        .mapping(keys, from: HostFile(), such: "listen: 127.0.0.1:8000")
        .checked { (file, node, _) throws(ConfigurationError) in try file.check(node) }
        .orEmpty(HostFile())
}

extension HostFile.Limits {
    static let keys: [ConfigurationKey<Self>] = [
        .optional(
            "io_threads", \.ioThreads, .count(1...1_024),
            "Threads that do I/O. Default: half of the processors."),
        .optional(
            "request_timeout", \.requestTimeout, .time(mayBeNone: true),
            "The default of the backends' request_timeout. Default: 30s."),
        .optional(
            "max_queued_requests", \.maxQueuedRequests, .count(1...1_000_000),
            "The default of the backends' max_queued_requests. Default: 1024."),
        .optional(
            "lifecycle_timeout", \.lifecycleTimeout, .time(mayBeNone: true),
            "The default of the backends' lifecycle_timeout. Default: 30s."),
        .optional(
            "drain_timeout", \.drainTimeout, .time(mayBeNone: true),
            "The default of the backends' drain_timeout. Default: 20s."),
        .optional(
            "max_body_size", \.maxBodySize, .count(0...1 << 40),
            "The largest request body, in bytes. Default: 16777216."),
        .optional(
            "max_buffered_bodies", \.maxBufferedBodies, .count(1...1 << 40),
            "Bytes of request bodies held at once, from all connections; one that does not fit is answered 503. Default: 268435456, or four times max_body_size."
        ),
        .optional(
            "max_connections", \.maxConnections, .count(1...1_000_000),
            "Connections at once; one more is answered 503. Default: 10000."),
        .optional(
            "idle_timeout", \.idleTimeout, .time(mayBeNone: true),
            "How long a connection may be open without a request. Default: 60s."),
        .optional(
            "transfer_timeout", \.transferTimeout, .time(mayBeNone: true),
            "How long a request may take to arrive; each KiB earns a second more. Default: 20s."),
        .optional(
            "shutdown_timeout", \.shutdownTimeout, .time(mayBeNone: true),
            "How long calls may take to finish when the host ends. Default: 20s."),
        .optional(
            "max_retired_generations", \.maxRetiredGenerations, .count(1...1_000_000),
            "Replaced generations of one plugin that may stay mapped. Default: 256."),
    ]

    static let form = ConfigurationForm<Self>
        .mapping(keys, from: Self(), such: "{max_connections: 1000}").orEmpty(Self())
}

extension HostFile.Backend {
    static let keys: [ConfigurationKey<Self>] =
        [
            .required(
                "plugin", \.plugin, pluginName, "The plugin that it runs: foo, for libfoo.so.")
        ] + BackendOptions.keys.map { $0.lifted(to: \.options) }

    /// The initial plugin is replaced: its key is required.
    static let form = ConfigurationForm<Self>
        .mapping(
            keys, from: Self(plugin: ""), such: "{plugin: echo}", rules: BackendOptions.rules
        )
        .checked { (backend, node, path) throws(ConfigurationError) in
            try backend.options.check(node, path)
        }

    private static let pluginName: ConfigurationForm<String> = {
        let expected = "the name of a plugin, such as foo for libfoo.so"
        let text = ConfigurationForm<String>.text(expected)
        return ConfigurationForm(
            schema: ["type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"],
            read: { (node, path) throws(ConfigurationError) in
                let name = try text.read(node, path)
                guard PluginName.isValid(name) else {
                    throw .wrongValue(node, path, expected)
                }
                return name
            }, write: text.write)
    }()
}

extension HostFile.Endpoint {
    static let keys: [ConfigurationKey<Self>] = [
        .optional(
            "route", \.route, EndpointForms.route,
            EndpointForms.aboutRoute + " Without one, only handles call the endpoint."),
        .defaulted(
            "methods", \.methods, EndpointForms.methods, unless: defaultMethods,
            EndpointForms.aboutMethods),
        .required(
            "traffic", \.traffic, EndpointForms.traffic,
            "The weights of the backends that answer, by tag; they sum to 1."),
        .defaulted(
            "shadow", \.shadow, EndpointForms.shadow.orEmpty([:]), unless: [:],
            "The shares of the calls that backends get a copy of, from 0 to 1, by tag."),
    ]

    /// The initial traffic is replaced: its key is required.
    static let form = ConfigurationForm<Self>
        .mapping(keys, from: Self(traffic: [:]), such: "{route: /echo, traffic: {echo: 1}}")
}
