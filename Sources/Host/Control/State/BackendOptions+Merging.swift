extension BackendOptions {
    /// These options, with what `later` sets in place of what they say. A number of replicas and autoscaling exclude
    /// each other: the later word counts.
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
        merged.userConfig = later.userConfig ?? userConfig
        return merged
    }
}
