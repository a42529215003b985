internal import HostCore
internal import HostForms
internal import HostPipeline
internal import HostPlugins
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// A place in a chain where a plugin's stage stands: that of the generation that serves, or none, with a reason.
///
/// A request holds the stage that it came to until its response is over, whatever stands here by then, and whoever lets
/// go of a stage last has it destroyed. No count is kept, which each way out of a chain would have to know.
final class PluginStageSlot: MiddlewareStage {
    /// The plugin's.
    let name: String
    /// JSON.
    let options: String
    let place: MiddlewarePlace
    let watch: StageWatch
    /// How long a request may wait for the stage's decision; nil: for ever.
    let decisionLimit: TimeAmount?

    enum Occupant {
        case stage(PluginStage)
        /// With the reason, for people.
        case nobody(String)
    }

    private let occupant: NIOLockedValueBox<Occupant>

    init(
        _ name: String, options: JSONValue, at place: MiddlewarePlace, decisionLimit: Duration?,
        _ occupant: Occupant
    ) {
        self.name = name
        self.options = options.text
        self.place = place
        self.decisionLimit = decisionLimit.map { TimeAmount($0) }
        self.occupant = NIOLockedValueBox(occupant)
        var logger = place.logger
        logger[metadataKey: "middleware"] = "\(name)"
        logger[metadataKey: "backend"] = place.backend.map { "\($0)" }
        watch = StageWatch(logger: logger)
    }

    /// - Returns: what stood here, to be let go where no lock is held.
    func put(_ next: Occupant) -> Occupant {
        occupant.withLockedValue { occupant in
            defer { occupant = next }
            return occupant
        }
    }

    var failure: String? {
        guard case .nobody(let reason) = occupant.withLockedValue({ $0 }) else { return nil }
        return reason
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        switch occupant.withLockedValue({ $0 }) {
        case .nobody(let reason):
            next.refuse(
                sink,
                with: DispatchError(
                    .unavailable, "the middleware stage \(name) is not there: \(reason)"))
        case .stage(let stage) where stage.readsBody:
            next.whenBodyIsThere(of: request, for: sink) { [self] request, next in
                StageInvocation.run(request, at: stage, of: self, for: sink, next)
            }
        case .stage(let stage):
            StageInvocation.run(request, at: stage, of: self, for: sink, next)
        }
    }
}

extension MiddlewarePlace {
    /// Whose chain it is, for people.
    var owner: String { backend.map { "backend \($0)" } ?? "the host" }
}
