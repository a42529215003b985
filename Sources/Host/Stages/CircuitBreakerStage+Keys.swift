internal import HostForms
internal import HostPipeline
internal import NIOCore

extension CircuitBreakerStage {
    struct Options: Sendable {
        var failures: Int?
        var failureRate: Double?
        var window = ConfiguredTime(.seconds(10))
        var minCalls = 20
        var openFor = ConfiguredTime(.seconds(10))
        var halfOpenCalls = 1
    }

    static let kind = MiddlewareKind(
        "circuit-breaker", "Leaves a backend alone that keeps failing.",
        .mapping(keys, from: Options(), such: "{failures: 5, open_for: 10s}"), initial: Options()
    ) { (options, place) throws(ConfigurationError) in
        guard let backend = place.backend else {
            throw ConfigurationError(
                .conflict,
                "circuit-breaker is for one backend: put it into the backend's middleware"
            )
        }
        return CircuitBreakerStage(options.settings, backend: backend, logger: place.logger)
    }

    private static let keys: [ConfigurationKey<Options>] = [
        .optional(
            "failures", \.failures, .count(1...1_000_000),
            "Failures in a row that open the circuit. Default: 5, unless there is a failure_rate."),
        .optional(
            "failure_rate", \.failureRate, .number(from: 0.01, to: 1),
            "The share of failures among the calls of a window that opens the circuit."),
        .defaulted(
            "window", \.window, .time(least: .milliseconds(100)),
            unless: ConfiguredTime(.seconds(10)), "The window of failure_rate. Default: 10s."),
        .defaulted(
            "min_calls", \.minCalls, .count(1...1_000_000), unless: 20,
            "Calls of a window below which failure_rate says nothing. Default: 20."),
        .defaulted(
            "open_for", \.openFor, .time(least: .milliseconds(1)),
            unless: ConfiguredTime(.seconds(10)),
            "How long the circuit stays open before the backend is tried again. Default: 10s."),
        .defaulted(
            "half_open_calls", \.halfOpenCalls, .count(1...1000), unless: 1,
            "Calls that try it then; when all have succeeded, the circuit closes. Default: 1."),
    ]
}

extension CircuitBreakerStage.Options {
    fileprivate var settings: CircuitBreaker.Settings {
        var settings = CircuitBreaker.Settings()
        settings.failures = failures ?? (failureRate == nil ? 5 : nil)
        settings.rate = failureRate
        settings.window = TimeAmount(window.duration ?? .zero)
        settings.minCalls = minCalls
        settings.openFor = TimeAmount(openFor.duration ?? .zero)
        settings.probes = halfOpenCalls
        return settings
    }
}
