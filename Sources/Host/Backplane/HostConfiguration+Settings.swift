internal import HostConfigurationFiles
internal import HostCore
internal import HostDeployment
internal import HostForms
internal import HostWorkers

extension HostConfiguration {
    /// What a configuration file may say of the host itself, as it is in effect.
    var settings: HostSettings {
        var settings = HostSettings()
        settings.running.listen = .init(host: host, port: port)
        settings.running.pluginsDirectory = pluginsDirectory
        settings.running.adminSocket = adminSocket
        settings.running.adminListen = adminPort.map { .init(host: adminHost, port: $0) }
        settings.running.adminTokenFile = adminTokenFile
        settings.running.isolation = Isolation(isolation)
        settings.running.worker = workerPath
        settings.running.limits = limits
        settings.startFile = fileSettings ?? HostFile()
        settings.fixed = fixedSettings
        return settings
    }

    private var limits: HostFile.Limits {
        var limits = HostFile.Limits()
        limits.ioThreads = eventLoopCount
        limits.requestTimeout = ConfiguredTime(requestTimeout)
        limits.maxQueuedRequests = maxQueuedRequests
        limits.lifecycleTimeout = ConfiguredTime(lifecycleTimeout)
        limits.drainTimeout = ConfiguredTime(drainTimeout)
        limits.maxBodySize = maxBodySize
        limits.maxBufferedBodies = maxBufferedBodies
        limits.maxConnections = maxConnections
        limits.idleTimeout = ConfiguredTime(idleTimeout)
        limits.transferTimeout = ConfiguredTime(transferTimeout)
        limits.shutdownTimeout = ConfiguredTime(shutdownTimeout)
        limits.maxRetiredGenerations = maxRetiredGenerations
        return limits
    }
}

extension Isolation {
    init(_ isolation: HostConfiguration.PluginIsolation) {
        self =
            switch isolation {
            case .none: .none
            case .process: .process
            }
    }
}
