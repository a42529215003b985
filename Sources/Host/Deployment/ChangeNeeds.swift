internal import HostState

/// What a change of the configuration asks of the plugins before it takes effect. Pure.
///
/// A backend that is new or changed must serve as it is wanted; so must one that an endpoint sends more of its calls
/// to, unless none of that endpoint's backends serves now: then nothing can break.
struct ChangeNeeds: Sendable, Equatable {
    struct Need: Sendable, Equatable {
        var record: BackendRecord
        /// Whether its plugin does not run it yet.
        var isNew: Bool
        /// Whether the change is made also when it can't be met: a plugin's default is nobody's wish.
        var isOptional: Bool
        /// Whether calls move to it that are answered now.
        var isMove = false
        /// The endpoint whose calls go to it, if that is all that makes the need.
        var endpoint: String?

        /// Whether only its options change: while its plugin serves nothing, nothing can break.
        var isUpdate: Bool { !isNew && !isMove && endpoint == nil }

        /// Whether what was made ready for another need is right for this one.
        func isSame(as other: Need) -> Bool {
            isNew == other.isNew && record.plugin == other.record.plugin
                && record.options == other.record.options
        }
    }

    /// By tag.
    private(set) var backends: [String: Need] = [:]

    /// - Parameter isServed: whether a backend takes calls now.
    init(
        from last: ControlState, to next: ControlState, isServed: (_ tag: String) -> Bool
    ) {
        for (tag, record) in next.backends {
            let before = last.backends[tag]
            let isNew = before?.plugin != record.plugin
            guard isNew || before?.options != record.options else { continue }
            backends[tag] = Need(record: record, isNew: isNew, isOptional: record.origin == .plugin)
        }
        for (name, endpoint) in next.endpoints where endpoint.origin != .plugin {
            let old = last.endpoints[name]
            if let old, !old.traffic.contains(where: { $0.value > 0 && isServed($0.key) }) {
                continue
            }
            for (tag, weight) in endpoint.traffic where weight > (old?.traffic[tag] ?? 0) {
                guard let record = next.backends[tag] else { continue }
                var need =
                    backends[tag]
                    ?? Need(record: record, isNew: false, isOptional: false, endpoint: name)
                need.isOptional = false
                need.isMove = need.isMove || old != nil
                backends[tag] = need
            }
        }
    }

    /// A change that asks nothing of any plugin.
    static let none = ChangeNeeds()

    private init() {}
}
