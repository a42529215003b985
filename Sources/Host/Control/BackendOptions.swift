internal import Foundation

/// What a configuration says of a backend, and nothing of what it leaves open. The keys are those of the configuration
/// file, a plugin's manifest and the admin API alike; an update merges what is set.
package struct BackendOptions: Sendable, Equatable, Codable {
    /// A duration as people write it, `2ms`; `none` where there may be no limit.
    package struct Time: Sendable, Equatable, Codable {
        /// nil: no limit.
        package var duration: Duration?

        package init(_ duration: Duration?) {
            self.duration = duration
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            duration = text == "none" ? nil : DurationText.parse(text)
            guard text == "none" || duration != nil else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "\(text) is no duration")
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(duration.map(DurationText.format) ?? "none")
        }
    }

    /// How the number of replicas follows the load.
    package struct Autoscaling: Sendable, Equatable, Codable {
        package var minReplicas: Int?
        package var maxReplicas: Int
        package var targetOngoingRequests: Double?
        package var upscaleDelay: Time?
        package var downscaleDelay: Time?

        enum CodingKeys: String, CodingKey {
            case minReplicas = "min_replicas"
            case maxReplicas = "max_replicas"
            case targetOngoingRequests = "target_ongoing_requests"
            case upscaleDelay = "upscale_delay"
            case downscaleDelay = "downscale_delay"
        }

        package init(maxReplicas: Int) {
            self.maxReplicas = maxReplicas
        }
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
    package var userConfig: JSONValue?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case autoscaling
        case numReplicas = "num_replicas"
        case maxBatchSize = "max_batch_size"
        case batchWaitTimeout = "batch_wait_timeout"
        case maxConcurrentQueries = "max_concurrent_queries"
        case maxQueuedRequests = "max_queued_requests"
        case requestTimeout = "request_timeout"
        case lifecycleTimeout = "lifecycle_timeout"
        case drainTimeout = "drain_timeout"
        case healthCheckPeriod = "health_check_period"
        case healthCheckFailures = "health_check_failures"
        case hangGrace = "hang_grace"
        case userConfig = "user_config"
    }

    package init() {}
}
