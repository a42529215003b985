internal import HostDispatch

/// What the host knows of a plugin file, as `backplane list` shows it.
///
/// The JSON form is part of the admin API: members are added, never renamed.
package struct PluginStatus: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable, CaseIterable {
        /// The first generation is being loaded.
        case loading
        case serving
        /// A generation serves while the next one is being loaded.
        case reloading
        /// No generation serves, and the reason says why.
        case failed
        /// The file is gone; calls that were admitted are being finished.
        case draining
        /// The file is gone and nothing serves; the library is still mapped.
        case retired
    }

    package struct Calls: Codable, Sendable, Equatable {
        package var waiting = 0
        package var running = 0
        /// Calls the plugin finished after the caller had got another response.
        package var lateFinishes = 0
        /// How often this generation broke the contract.
        package var misuses = 0

        enum CodingKeys: String, CodingKey {
            case waiting, running, misuses
            case lateFinishes = "late_finishes"
        }
    }

    package struct Autoscaling: Codable, Sendable, Equatable {
        package var minReplicas: Int
        package var maxReplicas: Int
        /// How many replicas there are to be; `replicas` says how many there are.
        package var targetReplicas: Int
        /// How many calls waited or ran, on average over the last sampling period.
        package var ongoingCalls: Double

        init(_ scaling: HostDeployment.Autoscaling) {
            minReplicas = scaling.settings.minReplicas
            maxReplicas = scaling.settings.maxReplicas
            targetReplicas = scaling.target
            ongoingCalls = scaling.ongoing
        }

        enum CodingKeys: String, CodingKey {
            case minReplicas = "min_replicas"
            case maxReplicas = "max_replicas"
            case targetReplicas = "target_replicas"
            case ongoingCalls = "ongoing_calls"
        }
    }

    package var name: String
    /// The library file in the plugins directory.
    package var path: String
    package var state: State
    /// The plugin's own version, while a generation serves.
    package var version: String?
    package var description: String?
    /// The number of the generation that serves.
    package var generation: Int?
    /// `process` where the replicas have processes of their own; nil: they run in the host's.
    package var isolation: String?
    /// The numbers of those processes.
    package var processes: [Int] = []
    /// The version of the library that an operator has gone back to; nil: the file's own serves.
    package var rolledBackTo: Int?
    /// Where the endpoint of the plugin's name is, if it has a route.
    package var route: String?
    /// The tags of the backends that it serves.
    package var backends: [String] = []
    package var methods: [String] = []
    /// Whose chains name the plugin as a stage: `the host`, `backend echo`.
    package var middlewareOf: [String] = []
    /// Methods marked INLINE that overstayed and run on replica threads now.
    package var demotedMethods: [String] = []
    /// How many replicas are in the rotation.
    package var replicas = 0
    /// nil: the manifest says how many replicas there are.
    package var autoscaling: Autoscaling?
    /// How many replicas were replaced because they were unfit, and why the last one was.
    package var replacedReplicas = 0
    package var lastReplacement: String?
    package var calls = Calls()
    /// Why the newest version of the file is not served.
    package var reason: String?
    /// Generations that finish their last calls.
    package var drainingGenerations: [Int] = []
    /// Generations that are finalized and still mapped.
    package var retiredGenerations: [Int] = []

    enum CodingKeys: String, CodingKey {
        case name, path, state, version, description, generation, route, methods, replicas, calls
        case autoscaling, reason, backends, isolation, processes
        case middlewareOf = "middleware_of"
        case rolledBackTo = "rolled_back_to"
        case demotedMethods = "demoted_methods"
        case replacedReplicas = "replaced_replicas"
        case lastReplacement = "last_replacement"
        case drainingGenerations = "draining_generations"
        case retiredGenerations = "retired_generations"
    }

    init(name: String, path: String, state: State) {
        self.name = name
        self.path = path
        self.state = state
    }
}
