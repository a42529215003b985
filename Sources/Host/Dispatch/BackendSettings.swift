/// How a backend runs its plugin. The names are the configuration's, the defaults Ray Serve's where it has one.
package struct BackendSettings: Sendable, Equatable {
    /// How many instances of the plugin there are, unless ``autoscaling`` says so.
    package var numReplicas = 1
    /// nil: there are ``numReplicas``.
    package var autoscaling: AutoscalingSettings?
    /// How many calls one `invoke` may get, for methods that take several.
    package var maxBatchSize = 1
    /// How long a call may wait for others to share its batch; zero: take what is queued now.
    package var batchWaitTimeout: Duration = .zero
    /// How many `invoke`s a re-entrant plugin may run at once in one replica. Others run one.
    package var maxConcurrentQueries = 8
    /// How many calls may wait; one more is answered 503.
    package var maxQueuedRequests = 1_024
    /// How long a caller waits for its response, queueing included; nil: for ever.
    package var requestTimeout: Duration? = .seconds(30)
    /// JSON, handed to each replica's `create`. Compared byte for byte.
    package var userConfig: String {
        get { config.text }
        set { config.text = newValue }
    }
    private var config = ExactText(text: "null")
    /// How long each lifecycle function of the plugin may take.
    package var lifecycleTimeout: Duration = .seconds(30)
    /// How long a replaced or removed replica may take to finish the calls it has.
    package var drainTimeout: Duration = .seconds(20)
    /// How often a replica's health is asked for, if the plugin can tell.
    package var healthCheckPeriod: Duration = .seconds(10)
    /// How many health checks in a row may fail before the replica is replaced.
    package var healthCheckFailures = 3
    /// How long a call may go on after its deadline before its replica counts as hung and is replaced.
    package var hangGrace: Duration = .seconds(1)

    /// How worker processes that die are replaced, where the plugin has them.
    package var restart = RestartSettings()

    package init() {}

    package func hasSameUserConfig(as other: BackendSettings) -> Bool { config == other.config }

    /// Swift calls texts equal that Unicode calls equivalent; to a plugin they are not.
    private struct ExactText: Sendable, Equatable {
        var text: String

        static func == (a: ExactText, b: ExactText) -> Bool {
            a.text.utf8.elementsEqual(b.text.utf8)
        }
    }
}
