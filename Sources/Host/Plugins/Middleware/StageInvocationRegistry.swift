internal import NIOConcurrencyHelpers

/// The requests that are at the stages of one library, by the ids that the library knows them by.
///
/// An id is never used twice, so that a request which is over is hit by nothing.
final class StageInvocationRegistry: Sendable {
    private struct State {
        var open: [UInt64: any PluginStageInvocation] = [:]
        var lastID: UInt64 = 0
    }

    /// Requests at once at the stages of a library, those among them that the library never decides.
    static let limit = 1 << 16

    private let state = NIOLockedValueBox(State())

    /// - Returns: the id; nil: there are as many as may be.
    func enter(_ next: any PluginStageInvocation) -> UInt64? {
        state.withLockedValue { state in
            guard state.open.count < Self.limit else { return nil }
            state.lastID += 1
            state.open[state.lastID] = next
            return state.lastID
        }
    }

    func find(_ id: UInt64) -> (any PluginStageInvocation)? {
        state.withLockedValue { $0.open[id] }
    }

    func leave(_ id: UInt64) {
        // Not let go under the lock: it may be the last to hold its stage.
        let next = state.withLockedValue { $0.open.removeValue(forKey: id) }
        withExtendedLifetime(next) {}
    }
}
