internal import HostCore
internal import HostDispatch
internal import NIOConcurrencyHelpers

/// What is ready for a change.
struct ChangePreparation: Sendable {
    struct Target: Sendable {
        let need: ChangeNeeds.Need
        let deployment: PluginDeployment
        let prepared: PreparedBackend
    }

    /// By tag.
    var targets: [String: Target] = [:]
    /// Needs that stay unmet, by tag: of plugins that are not there, and of defaults that can't be started.
    var unmet: [String: ChangeNeeds.Need] = [:]
    var stages = StageStock()

    /// Those that have made something.
    var made: [Target] { targets.values.filter(\.prepared.isMade) }
}

/// Needs of a change that are being met, by several plugins at once. Any thread.
final class ChangeRound: Sendable {
    struct Item: Sendable {
        let tag: String
        let need: ChangeNeeds.Need
        let backend: Backend
    }

    struct Outcome: Sendable {
        var targets: [String: ChangePreparation.Target] = [:]
        var unmet: [String: ChangeNeeds.Need] = [:]
        /// Why the change can't be made.
        var refusal: ControlError?
        var isAbandoned = false
    }

    let items: [Item]
    private let outcome = NIOLockedValueBox(Outcome())

    init(_ items: [Item]) {
        self.items = items.sorted { $0.tag < $1.tag }
    }

    /// Whether there is any use in going on.
    var goesOn: Bool { outcome.withLockedValue { $0.refusal == nil && !$0.isAbandoned } }

    func met(_ item: Item, _ target: ChangePreparation.Target) {
        outcome.withLockedValue { $0.targets[item.tag] = target }
    }

    func refuse(_ item: Item, _ reason: String, cause: (any Error)? = nil) {
        let subject = item.need.endpoint.map { "endpoint \($0): backend" } ?? "backend"
        outcome.withLockedValue { outcome in
            guard !item.need.isOptional else {
                outcome.unmet[item.tag] = item.need
                return
            }
            outcome.refusal =
                outcome.refusal
                ?? ControlError(
                    .notServed,
                    "\(subject) \(item.tag) can't be served as it is configured: \(reason); "
                        + "nothing has changed", cause: cause)
        }
    }

    /// Nobody waits any more.
    ///
    /// - Returns: what was waited for.
    func abandon() -> String {
        outcome.withLockedValue { outcome in
            outcome.isAbandoned = true
            let open = items.filter {
                outcome.targets[$0.tag] == nil && outcome.unmet[$0.tag] == nil
            }
            return "backend " + open.prefix(3).map(\.tag).joined(separator: " or ")
        }
    }

    /// What has come of it so far; to be taken once.
    func take() -> Outcome {
        outcome.withLockedValue { outcome in
            defer { outcome.targets = [:] }
            return outcome
        }
    }
}
