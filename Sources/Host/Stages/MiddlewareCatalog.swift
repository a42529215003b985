package import HostForms
package import HostPipeline

/// The kinds of stages that a configuration may name: the built-in ones, and those of plugins and of the program that
/// runs the host.
package struct MiddlewareCatalog: Sendable {
    /// Those that every host has.
    package static let builtIn: [MiddlewareKind] = [
        AccessLogStage.kind, AuthStage.kind, BodyLimitStage.kind, CircuitBreakerStage.kind,
        CompressionStage.kind, CORSStage.kind, HeadersStage.kind, RateLimitStage.kind,
        RequestIDStage.kind, RetryStage.kind, TimeoutStage.kind, TracingStage.kind,
        TrustedHostStage.kind,
    ]

    /// Finds those of plugins and of the program, which come and go.
    private let others: @Sendable (_ name: String) -> MiddlewareKind?
    /// Their names, for errors.
    private let otherNames: @Sendable () -> [String]
    /// Stands for what is not there when the host starts, and may come.
    private let awaited: @Sendable (_ name: String) -> MiddlewareKind?

    package init(
        others: @escaping @Sendable (_ name: String) -> MiddlewareKind? = { _ in nil },
        otherNames: @escaping @Sendable () -> [String] = { [] },
        awaited: @escaping @Sendable (_ name: String) -> MiddlewareKind? = { _ in nil }
    ) {
        self.others = others
        self.otherNames = otherNames
        self.awaited = awaited
    }

    /// The same, for what was configured before the host ended: it may name plugins that have gone since.
    package var atStart: MiddlewareCatalog {
        MiddlewareCatalog(others: { [others, awaited] in others($0) ?? awaited($0) })
    }

    package subscript(name: String) -> MiddlewareKind? {
        Self.builtIn(named: name) ?? others(name)
    }

    static func builtIn(named name: String) -> MiddlewareKind? {
        builtIn.first { $0.name == name }
    }

    /// - Throws: ``ConfigurationError`` when there is no such kind, or the stage can't be made of its options.
    package func make(
        _ entry: MiddlewareEntry, for place: MiddlewarePlace
    ) throws(ConfigurationError) -> any MiddlewareStage {
        guard let kind = self[entry.name] else { throw unknown(entry.name, at: nil) }
        return try kind.make(entry.options, for: place)
    }

    /// What is said of a name that no kind has.
    package func unknown(
        _ name: String, at position: ConfigurationError.Position?,
        _ path: ConfigurationPath = .root
    ) -> ConfigurationError {
        let known = Self.builtIn.map(\.name) + otherNames()
        var error = ConfigurationError(
            .wrongValue, at: position, path,
            "there is no middleware stage \(ConfigurationPath.quoted(name))")
        error.nearest = NearestName.of(name, among: known)
        if error.nearest == nil {
            error.problem += "; there are: \(known.joined(separator: ", "))"
        }
        return error
    }
}
