package import HostPlugins
package import NIOCore
internal import Synchronization

/// One request to one method of a backend: answered exactly once, finished by the plugin at most once.
///
/// The two are different events. The answer goes to the caller as soon as there is one: the plugin's, or the host's
/// when the deadline passes. A plugin that is still at work keeps the call until it finishes it; what it says then
/// comes too late, and is counted.
package final class Call: PluginCall {
    /// The method's name, `__call__` by default.
    package let method: String
    package let argument: ByteBuffer
    package let contentType: String
    package let deadline: NIODeadline?
    /// The deadline that the backend alone sets. What a caller shortens for itself says nothing of the plugin's
    /// health.
    let backendDeadline: NIODeadline?
    private let backend: Backend
    private let caller: any Caller
    private let isAnswered = Atomic<Bool>(false)

    /// - Parameters:
    ///   - timeout: shortens the backend's own `request_timeout`, and never extends it.
    package init(
        to backend: Backend, method: String = PluginDescriptor.defaultMethod, argument: ByteBuffer,
        contentType: String = "", timeout: Duration? = nil, caller: any Caller
    ) {
        self.backend = backend
        self.method = method
        self.argument = argument
        self.contentType = contentType
        self.caller = caller
        let now = NIODeadline.now()
        backendDeadline = backend.requestTimeout.map { now + $0 }
        let callersDeadline = timeout.map { now + TimeAmount($0) }
        deadline = [backendDeadline, callersDeadline].compactMap { $0 }.min()
    }

    /// Takes the call back: the caller went away. Nobody is told the answer any more.
    package func cancel() {
        guard claimAnswer() else { return }
        backend.forget(self)
    }

    /// Answers the caller, unless that has happened.
    ///
    /// - Returns: whether this was the answer.
    @discardableResult
    func answer(_ result: Result<PluginResponse, DispatchError>) -> Bool {
        guard claimAnswer() else { return false }
        caller.receive(result)
        return true
    }

    private func claimAnswer() -> Bool {
        !isAnswered.exchange(true, ordering: .acquiringAndReleasing)
    }

    // MARK: The plugin's side

    package var isAbandoned: Bool { isAnswered.load(ordering: .acquiring) }

    package func makeMetadata() -> CallMetadata { caller.makeMetadata() }

    package func send(_ part: PluginResponse) -> Bool {
        !isAbandoned && caller.receive(part: part)
    }

    package func finish(_ result: Result<PluginResponse, PluginFailure>) {
        let inTime = answer(
            result.mapError { failure in
                DispatchError(.plugin(failure.status), failure.message, cause: failure)
            })
        backend.pluginFinished(self, inTime: inTime)
    }
}
