internal import HostRouting

/// An endpoint as it is configured: where it is reached, and which backends answer.
package struct EndpointRecord: Sendable, Equatable, Codable {
    package static let defaultMethods = Endpoint.defaultMethods

    /// Exact, `/x`, or a prefix, `/x/*`; nil: reachable by handle alone.
    package var route: String?
    /// The HTTP methods it takes, in alphabetical order.
    package var methods: [String]
    /// Which part of the calls each backend answers, by its tag. The weights sum to 1.
    package var traffic: [String: Double]
    /// Which part of the calls a backend gets a copy of, whose response is thrown away, by its tag; above 0, at most 1.
    package var shadows: [String: Double]
    package var origin: Origin

    package init(
        route: String? = nil, methods: [String] = Self.defaultMethods, traffic: [String: Double],
        shadows: [String: Double] = [:], origin: Origin = .hand
    ) {
        self.route = route
        self.methods = methods
        self.traffic = traffic
        self.shadows = shadows
        self.origin = origin
    }

    /// Whether a backend stands in the traffic, be it with weight 0, or in the shadows.
    package func uses(backend tag: String) -> Bool {
        traffic[tag] != nil || shadows[tag] != nil
    }

    /// The tags in the traffic and the shadows.
    var backends: Set<String> { Set(traffic.keys).union(shadows.keys) }
}
