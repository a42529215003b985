package import HostDispatch
package import HostForms
package import HostPipeline

/// What a configuration says of a backend, and nothing of what it leaves open.
///
/// The keys are those of the configuration file, of a plugin's manifest and of the admin API alike.
package struct BackendOptions: Sendable, Equatable {
    package typealias Time = ConfiguredTime

    /// How the number of replicas follows the load.
    package struct Autoscaling: Sendable, Equatable {
        package var minReplicas: Int?
        package var maxReplicas: Int
        package var targetOngoingRequests: Double?
        package var upscaleDelay: Time?
        package var downscaleDelay: Time?

        package init(maxReplicas: Int) {
            self.maxReplicas = maxReplicas
        }
    }

    /// How worker processes that die are replaced.
    package struct Restart: Sendable, Equatable {
        package var backoff: Time?
        package var maxBackoff: Time?
        package var deaths: Int?
        package var window: Time?

        package init() {}
    }

    package var numReplicas: Int?
    package var autoscaling: Autoscaling?
    package var maxBatchSize: Int?
    package var batchWaitTimeout: Time?
    package var maxConcurrentQueries: Int?
    package var maxQueuedRequests: Int?
    package var requestTimeout: Time?
    package var lifecycleTimeout: Time?
    package var drainTimeout: Time?
    package var healthCheckPeriod: Time?
    package var healthCheckFailures: Int?
    package var hangGrace: Time?
    package var restart: Restart?
    package var userConfig: JSONValue?
    package var middleware: [MiddlewareEntry]?

    package init() {}
}

extension BackendOptions {
    /// An update: what the later one sets holds, the rest stays. `num_replicas` and `autoscaling` exclude each other,
    /// and the later one that is set alone takes the place of the other. `autoscaling`, `restart`, `user_config` and
    /// `middleware` are replaced as wholes.
    package func merging(_ later: BackendOptions) -> BackendOptions {
        var merged = self
        if later.numReplicas != nil || later.autoscaling != nil {
            merged.numReplicas = later.numReplicas
            merged.autoscaling = later.autoscaling
        }
        merged.maxBatchSize = later.maxBatchSize ?? maxBatchSize
        merged.batchWaitTimeout = later.batchWaitTimeout ?? batchWaitTimeout
        merged.maxConcurrentQueries = later.maxConcurrentQueries ?? maxConcurrentQueries
        merged.maxQueuedRequests = later.maxQueuedRequests ?? maxQueuedRequests
        merged.requestTimeout = later.requestTimeout ?? requestTimeout
        merged.lifecycleTimeout = later.lifecycleTimeout ?? lifecycleTimeout
        merged.drainTimeout = later.drainTimeout ?? drainTimeout
        merged.healthCheckPeriod = later.healthCheckPeriod ?? healthCheckPeriod
        merged.healthCheckFailures = later.healthCheckFailures ?? healthCheckFailures
        merged.hangGrace = later.hangGrace ?? hangGrace
        merged.restart = later.restart ?? restart
        merged.userConfig = later.userConfig ?? userConfig
        merged.middleware = later.middleware ?? middleware
        return merged
    }

    /// The defaults with what is set.
    ///
    /// - Throws: ``ConfigurationError`` when something is out of its range, or `num_replicas` and `autoscaling` are
    ///   both set.
    package func settings(
        over defaults: BackendSettings
    ) throws(ConfigurationError) -> BackendSettings {
        // Options that were read have been checked; those that a program made have not.
        _ = try Self.form.read(Self.form.write(self), .root)
        var settings = defaults
        if let numReplicas {
            settings.numReplicas = numReplicas
            settings.autoscaling = nil
        }
        if let autoscaling { settings.autoscaling = autoscaling.settings }
        if let maxBatchSize { settings.maxBatchSize = maxBatchSize }
        if let maxConcurrentQueries { settings.maxConcurrentQueries = maxConcurrentQueries }
        if let maxQueuedRequests { settings.maxQueuedRequests = maxQueuedRequests }
        if let requestTimeout { settings.requestTimeout = requestTimeout.duration }
        if let duration = batchWaitTimeout?.duration { settings.batchWaitTimeout = duration }
        if let duration = lifecycleTimeout?.duration { settings.lifecycleTimeout = duration }
        if let duration = drainTimeout?.duration { settings.drainTimeout = duration }
        if let duration = healthCheckPeriod?.duration { settings.healthCheckPeriod = duration }
        if let healthCheckFailures { settings.healthCheckFailures = healthCheckFailures }
        if let duration = hangGrace?.duration { settings.hangGrace = duration }
        if let restart { settings.restart = restart.settings }
        if let userConfig { settings.userConfig = userConfig.text }
        return settings
    }
}

extension BackendOptions.Autoscaling {
    /// What is not set has Ray Serve's defaults.
    var settings: AutoscalingSettings {
        var settings = AutoscalingSettings(maxReplicas: maxReplicas)
        if let minReplicas { settings.minReplicas = minReplicas }
        if let targetOngoingRequests { settings.targetOngoingRequests = targetOngoingRequests }
        if let duration = upscaleDelay?.duration { settings.upscaleDelay = duration }
        if let duration = downscaleDelay?.duration { settings.downscaleDelay = duration }
        return settings
    }
}

extension BackendOptions.Restart {
    var settings: RestartSettings {
        var settings = RestartSettings()
        if let duration = backoff?.duration { settings.backoff = duration }
        if let duration = maxBackoff?.duration { settings.maxBackoff = duration }
        if let deaths { settings.deaths = deaths }
        if let duration = window?.duration { settings.window = duration }
        return settings
    }
}
