internal import HostDispatch
package import HostForms
internal import HostPipeline
internal import HostStages

extension BackendOptions {
    /// What may be said of a backend. A manifest and the file have these keys among their own.
    static let keys: [ConfigurationKey<BackendOptions>] = [
        .optional(
            "num_replicas", \.numReplicas, .count(1...1_024),
            "How many instances of the plugin there are, each with its own state. Default: 1."),
        .optional(
            "autoscaling", \.autoscaling, Autoscaling.form,
            "In place of num_replicas: as many replicas as the calls need."),
        .optional(
            "max_batch_size", \.maxBatchSize, .count(1...65_536),
            "How many calls one invoke may get. Default: 1."),
        .optional(
            "batch_wait_timeout", \.batchWaitTimeout, .time(),
            "How long a call may wait for others to share its batch. Default: 0."),
        .optional(
            "max_concurrent_queries", \.maxConcurrentQueries, .count(1...1_024),
            "How many invokes a re-entrant plugin may run at once in one replica. Default: 8."),
        .optional(
            "max_queued_requests", \.maxQueuedRequests, .count(1...1_000_000),
            "How many calls may wait; one more is answered 503. Default: 1024."),
        .optional(
            "request_timeout", \.requestTimeout, .time(mayBeNone: true),
            "How long a caller waits for its answer, queueing included. Default: 30s."),
        .optional(
            "lifecycle_timeout", \.lifecycleTimeout, .time(),
            "How long each lifecycle function of the plugin may take. Default: 30s."),
        .optional(
            "drain_timeout", \.drainTimeout, .time(),
            "How long a replaced or removed replica may take to finish its calls. Default: 20s."),
        .optional(
            "health_check_period", \.healthCheckPeriod, healthCheckPeriod,
            "How often a replica's health is asked for, if the plugin can tell. Default: 10s."),
        .optional(
            "health_check_failures", \.healthCheckFailures, .count(1...1_000),
            "How many health checks in a row may fail before the replica is replaced. Default: 3."),
        .optional(
            "hang_grace", \.hangGrace, .time(),
            "How long a call may go on after request_timeout before its replica counts as hung. "
                + "Default: 1s."),
        .optional(
            "restart", \.restart, Restart.form,
            "How worker processes that die are replaced, where the plugin has them."),
        .optional(
            "user_config", \.userConfig, .json,
            "Anything; the plugin gets it as JSON. Default: null."),
        .optional(
            "middleware", \.middleware, MiddlewareEntry.list,
            "Stages around the backend, the outermost first; handles' calls pass them too."),
    ]

    /// 1 ms at least. The schema tells so, save for fractions of minutes and hours that begin with four zeros, and for
    /// what is longer than a hundred days.
    private static let healthCheckPeriod: ConfigurationForm<Time> = {
        let form = ConfigurationForm<Time>.time(least: .milliseconds(1))
        let wholes = [
            "{3,12}us", "{0,9}ms", "{0,6}s", "{0,4}m", "{0,2}h",
        ].map { "0*[1-9][0-9]" + $0.replacing("}", with: #"}(\.[0-9]+)?"#) }
        let parts = #"0*\.([0-9]{0,2}[1-9][0-9]*s|[0-9]{0,3}[1-9][0-9]*(m|h))"#
        let pattern = "^(\(parts)|\(wholes.joined(separator: "|")))$"
        return ConfigurationForm(
            schema: ["type": "string", "pattern": .string(pattern)],
            read: form.read, write: form.write)
    }()

    package static let form = ConfigurationForm<BackendOptions>
        .mapping(keys, from: BackendOptions(), such: "{num_replicas: 2}", rules: rules)
        .checked { (options, node, path) throws(ConfigurationError) in
            try options.check(node, path)
        }

    /// What ``check(_:_:)`` holds, for the schema.
    static let rules: [String: JSONValue] = ["not": ["required": ["num_replicas", "autoscaling"]]]

    /// What no key can hold by itself.
    ///
    /// - Parameter node: the mapping that the options were read from.
    func check(
        _ node: ConfigurationNode, _ path: ConfigurationPath
    ) throws(ConfigurationError) {
        guard numReplicas == nil || autoscaling == nil else {
            // The one that was written last is the one that is new.
            let places = [node["num_replicas"]?.position, node["autoscaling"]?.position]
            let place = places.compactMap { $0 }.max { ($0.line, $0.column) < ($1.line, $1.column) }
            let (count, scaling) = (path.appending("num_replicas"), path.appending("autoscaling"))
            throw ConfigurationError(
                .conflict, at: place, path,
                "\(count) and \(scaling) exclude each other: remove one of them")
        }
    }
}

extension BackendOptions.Autoscaling {
    static let keys: [ConfigurationKey<Self>] = [
        .required(
            "max_replicas", \.maxReplicas, .count(1...1_024),
            "How many replicas there may be at most."),
        .optional(
            "min_replicas", \.minReplicas, .count(0...1_024),
            "How many there are at least; with 0, the first call starts one. Default: 1."),
        .optional(
            "target_ongoing_requests", \.targetOngoingRequests, .number(from: 0.01, to: 1_000_000),
            "How many calls a replica is to have on average, waiting ones included. Default: 2."),
        .optional(
            "upscale_delay", \.upscaleDelay, .time(),
            "How long more replicas must have been wanted. Default: 30s."),
        .optional(
            "downscale_delay", \.downscaleDelay, .time(),
            "How long fewer replicas must have sufficed. Default: 10m."),
    ]

    /// The initial maximum is replaced: its key is required.
    static let form = ConfigurationForm<Self>
        .mapping(keys, from: Self(maxReplicas: 1), such: "{max_replicas: 8}")
        .checked { (options, node, path) throws(ConfigurationError) in
            let least = options.settings.minReplicas
            guard least <= options.maxReplicas else {
                let (min, max) = (path.appending("min_replicas"), path.appending("max_replicas"))
                throw ConfigurationError(
                    .conflict, at: (node["min_replicas"] ?? node["max_replicas"])?.value.position,
                    min,
                    "\(min) is \(least): it must be \(max), which is \(options.maxReplicas), or less"
                )
            }
        }
}

extension BackendOptions.Restart {
    static let keys: [ConfigurationKey<Self>] = [
        .optional(
            "backoff", \.backoff, .time(),
            "How long the second replacement in a row waits; it doubles with each more. Default: 100ms."
        ),
        .optional("max_backoff", \.maxBackoff, .time(), "The longest wait. Default: 30s."),
        .optional(
            "deaths", \.deaths, .count(0...1_000),
            "How many may die within the window; after one more the next is tried after max_backoff. 0: any number. Default: 5."
        ),
        .optional("window", \.window, .time(), "Default: 1m."),
    ]

    static let form = ConfigurationForm<Self>
        .mapping(keys, from: Self(), such: "{backoff: 100ms}")
}

extension BackendOptions: Codable {
    /// - Throws: ``ConfigurationError`` that names the key at fault; what the decoder throws for what is no JSON.
    package init(from decoder: any Decoder) throws {
        let value = try JSONValue(from: decoder)
        self = try Self.form.read(
            ConfigurationNode(json: value), ConfigurationPath(decoder.codingPath))
    }

    package func encode(to encoder: any Encoder) throws {
        try json.encode(to: encoder)
    }

    /// - Throws: ``ConfigurationError`` that names the key at fault.
    package init(json: JSONValue) throws(ConfigurationError) {
        self = try Self.form.read(ConfigurationNode(json: json), .root)
    }

    package var json: JSONValue { Self.form.write(self).value }

    /// What reads back as these options, under a key of the file or as a manifest.
    package var yaml: String { Self.form.write(self).yaml }
}
