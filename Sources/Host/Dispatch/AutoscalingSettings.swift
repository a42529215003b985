/// How the number of a backend's replicas follows its load. Names and defaults are Ray Serve's `autoscaling_config`.
package struct AutoscalingSettings: Sendable, Equatable {
    /// 0: without calls there is no replica; the first call starts one, and waits for it.
    package var minReplicas = 1
    /// No default: what a replica costs, only the operator knows.
    package var maxReplicas: Int
    /// How many calls a replica is to have on average, those that wait included.
    package var targetOngoingRequests = 2.0
    /// How long more replicas must have been wanted before there are more.
    package var upscaleDelay: Duration = .seconds(30)
    /// How long fewer replicas must have sufficed before there are fewer.
    package var downscaleDelay: Duration = .seconds(600)

    package init(maxReplicas: Int) {
        self.maxReplicas = maxReplicas
    }

    /// The nearest number of replicas that there may be.
    package func clamp(_ replicas: Int) -> Int { max(minReplicas, min(maxReplicas, replicas)) }
}
