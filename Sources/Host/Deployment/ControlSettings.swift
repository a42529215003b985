package import HostDispatch
package import HostWorkers

/// Where the plugins are and how the host treats them.
package struct ControlSettings: Sendable {
    package var pluginsDirectory: String
    /// In which each plugin may have a directory for its data.
    package var dataDirectory: String
    /// Whether files that appear, change or go are noticed.
    package var watchesDirectory = true
    /// How many generations of one plugin may be finalized and still mapped. A reload beyond that is refused.
    package var maxRetiredGenerations = 256
    /// How long calls may take to finish when the host shuts down.
    package var shutdownTimeout: Duration = .seconds(20)
    /// Where plugins run whose manifests don't say.
    package var isolation = Isolation.none
    /// What those run that have processes of their own.
    package var worker = WorkerExecutable()
    /// What backends get that nothing else configures.
    package var backendDefaults = BackendSettings()

    package init(pluginsDirectory: String) {
        self.pluginsDirectory = pluginsDirectory
        dataDirectory = "\(pluginsDirectory).data"
    }
}
