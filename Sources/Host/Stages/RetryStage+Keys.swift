internal import HostForms
internal import HostPipeline

extension RetryStage {
    struct Options: Sendable {
        var attempts = 3
        var methods = idempotent
        var statuses = [502, 503]
        var backoff = ConfiguredTime(.milliseconds(25))
        var maxBackoff = ConfiguredTime(.milliseconds(250))
        var budget = 0.2
        var budgetWindow = ConfiguredTime(.seconds(10))
        var minRetries = 10
    }

    /// Source: RFC 9110, section 9.2.2; without TRACE.
    static let idempotent = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]

    static let kind = MiddlewareKind(
        "retry", "Tries requests again that a backend could not take.",
        .mapping(keys, from: Options(), such: "{attempts: 2}"), initial: Options()
    ) { (options, place) throws(ConfigurationError) in
        // Around all backends no deadline is known, and tries would add up.
        guard place.backend != nil else {
            throw ConfigurationError(
                .conflict, "retry is for one backend: put it into the backend's middleware")
        }
        return RetryStage(options)
    }

    private static let keys: [ConfigurationKey<Options>] = [
        .defaulted(
            "attempts", \.attempts, .count(2...10), unless: 3,
            "How often a request is tried, the first time among them. Default: 3."),
        .defaulted(
            "methods", \.methods,
            .list(of: .token("an HTTP method, in capital letters"), such: "[GET, HEAD]"),
            unless: idempotent,
            "The HTTP methods that are tried again, beside calls that the plugin says are idempotent. "
                + "Default: GET, HEAD, PUT, DELETE, OPTIONS."),
        .defaulted(
            "statuses", \.statuses, .list(of: .count(400...599), such: "[502, 503]"),
            unless: Options().statuses,
            "The statuses of answers after which a request is tried again. Default: 502 and 503."),
        .defaulted(
            "backoff", \.backoff, .time(), unless: ConfiguredTime(.milliseconds(25)),
            "The longest pause before the second try; doubles with each. Default: 25ms."),
        .defaulted(
            "max_backoff", \.maxBackoff, .time(), unless: ConfiguredTime(.milliseconds(250)),
            "The longest pause at all. Default: 250ms."),
        .defaulted(
            "budget", \.budget, .number(from: 0, to: 10), unless: 0.2,
            "Retries that each request earns for all. Default: 0.2."),
        .defaulted(
            "budget_window", \.budgetWindow, .time(least: .milliseconds(100)),
            unless: ConfiguredTime(.seconds(10)),
            "The time over which requests and retries are counted for it. Default: 10s."),
        .defaulted(
            "min_retries", \.minRetries, .count(0...1_000_000), unless: 10,
            "Retries of a budget_window that need not be earned. Default: 10."),
    ]
}
