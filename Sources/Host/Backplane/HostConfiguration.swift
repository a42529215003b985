package import HostConfigurationFiles
package import HostDispatch
package import HostPipeline
package import HostRouting

/// How a host is set up. Every member has a default; `HostConfiguration()` serves `plugins.d` on 127.0.0.1:8000.
public struct HostConfiguration: Sendable {
    /// The directory whose libraries are served.
    public var pluginsDirectory = "plugins.d"
    /// Whether libraries that appear, change or go while the host runs are noticed.
    public var watchesPlugins = true
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0: any free one.
    public var port = 8000
    /// The path of the admin socket; nil: `$XDG_RUNTIME_DIR/backplane.sock`, or `<pluginsDirectory>.sock`.
    public var adminSocket: String?
    /// The port on which the admin API is served over TCP as well; 0: any free one; nil: none, the socket alone. It
    /// needs an ``adminTokenFile``, and is not encrypted.
    public var adminPort: Int?
    /// The address that goes with ``adminPort``.
    public var adminHost = "127.0.0.1"
    /// The file with the token that clients of the admin API present over TCP: 32 characters at least, in a file that
    /// nobody but its owner may use. Read when the host starts, and by ``BackplaneHost/readAdminToken()``.
    public var adminTokenFile: String?
    /// Where plugins run whose manifests don't say.
    public enum PluginIsolation: String, Sendable, CaseIterable {
        /// On threads of this process.
        case none
        /// In processes of their own: a crash of a plugin ends nobody else.
        case process
    }

    /// Where plugins run whose manifests don't say; those that offer what can't be had from another process run in this
    /// one all the same.
    public var isolation = PluginIsolation.none
    /// The program of worker processes; nil: `backplane-worker` beside the program that runs. Opened when the host
    /// starts.
    public var workerPath: String?
    /// The file in which operators' changes are kept; nil: `<pluginsDirectory>.state`.
    public var stateFile: String?
    /// The directory in which each plugin may have one for its data; nil: beside the ``stateFile``, with `.data` in
    /// place of `.state`.
    public var dataDirectory: String?
    /// The file that declares backends and endpoints, `backplane.yaml`; nil: none. Read when the host starts, and by
    /// ``BackplaneHost/applyConfigurationFile()``.
    public var configurationFile: String?
    /// Threads that do I/O; nil: as the machine has room for.
    public var eventLoopCount: Int?
    /// The largest request body, in bytes.
    public var maxBodySize = 16 << 20
    /// Bytes of request bodies that the host holds at once, from all connections; a body that does not fit is answered
    /// 503. nil: 256 MiB, or four bodies of ``maxBodySize`` if that is more.
    public var maxBufferedBodies: Int?
    /// Connections at once; one more is answered 503. Fewer if the process may not have as many open files.
    public var maxConnections = 10_000
    /// How long a connection may be open without a request.
    public var idleTimeout: Duration = .seconds(60)
    /// How long a request may take to arrive, from its first byte; each KiB of it earns a second more.
    public var transferTimeout: Duration = .seconds(20)
    /// How long a caller waits for its response, queueing included; nil: for ever.
    public var requestTimeout: Duration? = .seconds(30)
    /// Calls that may wait for one plugin; one more is answered 503.
    public var maxQueuedRequests = 1_024
    /// How long each lifecycle function of a plugin may take.
    public var lifecycleTimeout: Duration = .seconds(30)
    /// How long a replaced or removed generation may take to finish the calls it has.
    public var drainTimeout: Duration = .seconds(20)
    /// Generations of one plugin that may be finalized and still mapped. A reload beyond that is refused.
    public var maxRetiredGenerations = 256
    /// How long the plugins that are there at the start may keep the host from listening.
    public var startTimeout: Duration = .seconds(5)
    /// How long requests may take to finish when the host shuts down.
    public var shutdownTimeout: Duration = .seconds(20)

    /// Bytes per second below which a transfer counts as stalled.
    package var minimumRate = 1_024

    /// Stages around all endpoints, and around those that are configured; the first is the outermost.
    public var middleware: [any Middleware] = []

    /// What the configuration file said when it was read for this configuration.
    package var fileSettings: HostFile?
    /// The keys of the file that something else has the last word of, such as an option of the command line.
    package var fixedSettings: Set<String> = []
    /// Stages that the configuration may name, beside the built-in ones.
    package var middlewareKinds: [MiddlewareKind] = []
    /// Stages around all that are configured, and around those of ``middleware``.
    package var outermost: [MiddlewareChain.Link] = []

    /// Who is told what becomes of calls.
    package var callObserver: (any CallObserver)?
    /// What requests come in by beside HTTP.
    package var faces: [@Sendable (RouteTable) -> any Face] = []

    /// The defaults.
    public init() {}
}
