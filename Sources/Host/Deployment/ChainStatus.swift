internal import HostConfigurationFiles
package import HostForms
package import HostPipeline

/// A chain of middleware and what its stages have done, as `backplane list --middleware` shows it.
///
/// The JSON form is part of the admin API: members are added, never renamed.
package struct ChainStatus: Codable, Sendable, Equatable {
    package struct Stage: Codable, Sendable, Equatable {
        package var name: String
        /// As they are configured, without secrets; nil: there are none.
        package var options: JSONValue?
        /// Whom it comes from: `configuration`, or `program`, which runs the host.
        package var origin: String
        /// Requests that came to the stage, since it was first configured so.
        package var calls: Int
        /// Requests that it has refused, or failed at.
        package var errors: Int
        /// The time that they spent in it, on both ways; scaled up from a sample of them.
        package var seconds: Double

        package init(_ link: MiddlewareChain.Link) {
            name = link.name
            options = link.entry?.withoutSecrets.options
            if options == .null { options = nil }
            origin = link.entry == nil ? "program" : "configuration"
            let reading = link.meter.reading
            (calls, errors, seconds) = (reading.calls, reading.errors, reading.seconds)
        }
    }

    /// The tag of the backend that it is around; nil: it is around all endpoints.
    package var backend: String?
    /// The outermost first.
    package var stages: [Stage]
}

extension ChainTable {
    /// The host's chain, and that of each backend, by tag; also those that have no stages.
    func status(of tags: some Sequence<String>) -> [ChainStatus] {
        [ChainStatus(backend: nil, stages: host.links.map(ChainStatus.Stage.init))]
            + tags.sorted().map { tag in
                ChainStatus(
                    backend: tag,
                    stages: backends[tag]?.links.map(ChainStatus.Stage.init) ?? [])
            }
    }
}
