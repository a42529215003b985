package import HostState

/// What the host knows of an endpoint, as `backplane endpoints list` shows it.
///
/// The JSON form is part of the admin API: members are added, never renamed.
package struct EndpointStatus: Codable, Sendable, Equatable {
    package var name: String
    /// nil: reachable by handle alone.
    package var route: String?
    package var methods: [String]
    /// Which part of the calls each backend answers.
    package var traffic: [String: Double]
    /// Which part of the calls a backend gets a copy of.
    package var shadows: [String: Double]
    package var origin: String

    package init(name: String, _ record: EndpointRecord) {
        self.name = name
        route = record.route
        methods = record.methods
        traffic = record.traffic
        shadows = record.shadows
        origin = record.origin.rawValue
    }
}
