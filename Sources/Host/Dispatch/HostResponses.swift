internal import Dispatch
internal import HostCore

/// Gives callers the responses that the host decides on away from a request: of calls whose deadline has passed, or
/// that wait for a replica which won't come.
///
/// On its way to the caller a response passes the stages around the backend. They may take their time, and may be a
/// plugin's. So it is given on a thread of the backend's own: not on that of the clock, which keeps the deadlines of
/// all backends, nor on one of Swift's pool. Responses of one backend are given in turn.
final class HostResponses: Sendable {
    private let queue: DispatchQueue

    init(tag: String) {
        queue = DispatchQueue(label: tag)
    }

    /// Ends calls at once, and tells their callers as soon as it is their turn.
    ///
    /// - Parameter error: made on the backend's thread.
    func fail(_ calls: [Call], _ error: @escaping @Sendable (Call) -> DispatchError) {
        // From here on the plugin is told that nobody waits, and what it responds comes too late.
        let ended = calls.filter { $0.claimResponse() }
        guard !ended.isEmpty else { return }
        queue.async {
            for call in ended { call.deliver(.failure(error(call))) }
        }
    }

    /// - Parameter body: runs when the responses given before have been given.
    func whenGiven(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }
}
