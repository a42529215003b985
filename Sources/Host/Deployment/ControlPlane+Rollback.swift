package import HostCore
package import HostState
internal import NIOConcurrencyHelpers

/// The way back to one of the last configurations.
extension ControlPlane {
    /// The last configurations, the newest, which is the present one, first.
    ///
    /// - Throws: ``ControlError`` when they can't be read.
    package func revisions() async throws(ControlError) -> [ConfigurationRevision] {
        try await openStore().revisions()
    }

    /// Goes back to one of the last configurations, as an apply of it would: all that it needs is started first. It
    /// becomes the newest one, so that this can be undone in the same way.
    ///
    /// - Parameter number: the configuration's; nil: the one before the present one.
    /// - Returns: a line for each difference.
    /// - Throws: ``ControlError``, as ``change(_:_:)``; there is no such configuration (`contradiction`).
    package func rollBack(
        to number: Int?, _ limits: ChangeLimits = ChangeLimits()
    ) async throws(ControlError) -> [String] {
        let store = try openStore()
        let revisions = try await store.revisions()
        guard let target = number ?? revisions.dropFirst().first?.number else {
            throw ControlError(
                .contradiction, "there is no earlier configuration: none has changed yet")
        }
        guard let old = try await store.state(of: target) else {
            let kept =
                revisions.isEmpty
                ? "none is kept yet"
                : "\(revisions[revisions.count - 1].number) to \(revisions[0].number) are kept"
            throw ControlError(.contradiction, "there is no configuration \(target): \(kept)")
        }
        let made = NIOLockedValueBox<[ControlState.Change]>([])
        try await change(limits) { state throws(ControlError) in
            let last = state
            state.restore(old)
            made.withLockedValue { $0 = last.changes(to: state) }
        }
        return made.withLockedValue { $0.map(\.description) }
    }

    private func openStore() throws(ControlError) -> StateStore {
        guard let store else {
            throw ControlError(
                .notRunning, "the host is starting, or shutting down; try again in a moment")
        }
        return store
    }
}
