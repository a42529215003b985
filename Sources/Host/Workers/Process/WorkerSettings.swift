package import HostCore
package import HostTransport
package import Logging

/// How a plugin's worker processes are started.
package struct WorkerSettings: Sendable, Equatable {
    package var limits = WorkerLimits()
    /// Variables beside the host's own.
    package var environment: [String: String] = [:]

    package init() {}

    package init(_ limits: WorkerLimits, environment: [String: String]) {
        self.limits = limits
        self.environment = environment
    }
}

/// What it takes to start worker processes for a plugin.
package struct WorkerLauncher: Sendable {
    package var executable: WorkerExecutable
    package var settings: WorkerSettings
    /// What the plugin's handles reach.
    package var endpoints: any EndpointCaller
    /// Whose they are: for `ps`, and for the log.
    package var plugin: String
    package var logger: Logger

    package init(
        _ executable: WorkerExecutable, settings: WorkerSettings, endpoints: any EndpointCaller,
        plugin: String, logger: Logger
    ) {
        self.executable = executable
        self.settings = settings
        self.endpoints = endpoints
        self.plugin = plugin
        self.logger = logger
    }
}
