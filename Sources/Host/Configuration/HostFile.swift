package import HostCore
internal import HostDispatch
package import HostForms
package import HostPipeline
internal import HostRouting
package import HostStages
package import HostWorkers

/// What `backplane.yaml` says, and nothing of what it leaves open.
///
/// ```yaml
/// listen: 127.0.0.1:8000
/// backends:
///   counter:v1: {plugin: counter, user_config: {start: 100}}
///   counter:v2: {plugin: counter, max_concurrent_queries: 8}
/// endpoints:
///   counter:
///     route: /counter
///     traffic: {"counter:v1": 0.9, "counter:v2": 0.1}
/// ```
package struct HostFile: Sendable, Equatable {
    /// The host's limits, and defaults of its backends. The names are those of the options of `backplane serve`.
    package struct Limits: Sendable, Equatable {
        package var ioThreads: Int?
        package var requestTimeout: BackendOptions.Time?
        package var maxQueuedRequests: Int?
        package var lifecycleTimeout: BackendOptions.Time?
        package var drainTimeout: BackendOptions.Time?
        /// In bytes.
        package var maxBodySize: Int?
        /// In bytes.
        package var maxBufferedBodies: Int?
        package var maxConnections: Int?
        package var idleTimeout: BackendOptions.Time?
        package var transferTimeout: BackendOptions.Time?
        package var shutdownTimeout: BackendOptions.Time?
        package var maxRetiredGenerations: Int?

        package init() {}
    }

    /// A plugin, and how it is run.
    package struct Backend: Sendable, Equatable {
        package var plugin: String
        package var options = BackendOptions()

        package init(plugin: String) {
            self.plugin = plugin
        }
    }

    /// A name, with a route and the HTTP methods it takes, and the backends that answer.
    package struct Endpoint: Sendable, Equatable {
        static let defaultMethods = HostRouting.Endpoint.defaultMethods

        /// `/x`, matched exactly, or `/x/*`, for all below `/x`; nil: only handles call it.
        package var route: String?
        package var methods = Self.defaultMethods
        /// By the backend's tag; the weights sum to 1.
        package var traffic: [String: Double]
        /// By the backend's tag, the share of calls that it gets a copy of, from 0 to 1.
        package var shadow: [String: Double] = [:]

        package init(traffic: [String: Double]) {
            self.traffic = traffic
        }
    }

    /// nil: what the command line says, or its default. So for what follows.
    package var listen: ListenAddress?
    package var pluginsDirectory: String?
    package var adminSocket: String?
    package var adminListen: ListenAddress?
    package var adminTokenFile: String?
    package var isolation: Isolation?
    /// The program of worker processes.
    package var worker: String?
    package var limits = Limits()
    /// By tag, which is any text.
    package var backends: [String: Backend] = [:]
    /// By name.
    package var endpoints: [String: Endpoint] = [:]
    /// Around all endpoints, the outermost first.
    package var middleware: [MiddlewareEntry] = []

    /// A file that says nothing.
    package init() {}

    /// - Parameters:
    ///   - file: as errors name it.
    ///   - catalog: the stages that there are; nil: only what the built-in ones ask is looked at.
    /// - Throws: ``ConfigurationError`` with the place at fault.
    package init(
        yaml: String, file: String? = nil, middleware catalog: MiddlewareCatalog? = nil
    ) throws(ConfigurationError) {
        do {
            let node = try YAMLDocument.parse(yaml)
            try Secrets.check(node)
            self = try Self.form.read(node, .root)
            if let catalog { try Self.checkStages(node, catalog) }
        } catch {
            throw error.naming(file: file)
        }
    }

    /// - Throws: ``ConfigurationError`` that names the key at fault.
    package init(json: JSONValue) throws(ConfigurationError) {
        self = try Self.form.read(ConfigurationNode(json: json), .root)
    }

    /// Reads the file. Blocks on the disk.
    ///
    /// - Throws: ``ConfigurationError``, also when there is no such file.
    package static func read(_ path: String) throws(ConfigurationError) -> HostFile {
        guard let text = try ConfigurationText.read(path) else {
            throw ConfigurationError(.unreadable, "can't be read: there is no such file")
                .naming(file: path)
        }
        return try HostFile(yaml: text, file: path)
    }

    /// What reads back as this file, keys in their usual order.
    package var yaml: String { Self.form.write(self).yaml }

    package var json: JSONValue { Self.form.write(self).value }
}
