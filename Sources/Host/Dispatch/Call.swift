package import HostPlugins
internal import NIOConcurrencyHelpers
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
    package let native: NativeObject?
    package let deadline: NIODeadline?
    /// The deadline that the backend alone sets. What a caller shortens for itself says nothing of the plugin's
    /// health.
    let backendDeadline: NIODeadline?
    /// Whether the deadline is not the backend's own.
    var isShortened: Bool { deadline != backendDeadline }
    /// A replica that is not to get the call if another one is free.
    let avoided: ReplicaID?
    /// The number of the replica that has it; 0: none yet.
    private let replica = Atomic<Int>(0)
    private let backend: Backend
    private let caller: any Caller
    /// Whether an INLINE method may run on the thread that submits the call.
    let mayRunInline: Bool
    /// Whether it is a shadow's call, or one that such a call has led to.
    let isInShadow: Bool
    private let isAnswered = Atomic<Bool>(false)
    /// Calls that the plugin made on behalf of this one. Few calls have any.
    private let children = AtomicLazyReference<ChildCalls>()

    /// - Parameters:
    ///   - timeout: shortens the backend's own `request_timeout`, and never extends it.
    ///   - limit: a deadline that the call's own can't pass: that of the call on whose behalf it is made.
    package init(
        to backend: Backend, method: String = PluginDescriptor.defaultMethod, argument: ByteBuffer,
        contentType: String = "", timeout: Duration? = nil, limit: NIODeadline? = nil,
        native: NativeObject? = nil, avoiding avoided: ReplicaID? = nil,
        mayRunInline: Bool = true, isInShadow: Bool = false, caller: any Caller
    ) {
        self.backend = backend
        self.method = method
        self.argument = argument
        self.contentType = contentType
        self.caller = caller
        let now = NIODeadline.now()
        backendDeadline = backend.requestTimeout.map { now + $0 }
        let callersDeadline = timeout.map { now + TimeAmount($0) }
        deadline = Self.earliest(Self.earliest(backendDeadline, callersDeadline), limit)
        self.native = native
        self.avoided = avoided
        self.mayRunInline = mayRunInline
        self.isInShadow = isInShadow
    }

    private static func earliest(_ first: NIODeadline?, _ second: NIODeadline?) -> NIODeadline? {
        guard let first else { return second }
        guard let second else { return first }
        return min(first, second)
    }

    /// Takes the call back: the caller went away. What the plugin answers, nobody is told any more.
    package func cancel() {
        guard answer(.failure(DispatchError(.cancelled, "the caller went away"))) else { return }
        backend.forget(self)
        children.load()?.cancel()
    }

    /// Has a call that is made on behalf of this one cancelled together with it.
    package func adopt(_ child: HandleCall) {
        let children = children.storeIfNil(ChildCalls())
        children.insert(child)
        if isAbandoned { children.cancel() }
    }

    /// A child has its answer.
    func release(_ child: HandleCall) {
        children.load()?.remove(child)
    }

    /// Answers the caller, unless that has happened.
    ///
    /// - Returns: whether this was the answer.
    @discardableResult
    func answer(_ result: consuming Result<PluginResponse, DispatchError>) -> Bool {
        guard claimAnswer() else { return false }
        caller.receive(result)
        return true
    }

    private func claimAnswer() -> Bool {
        !isAnswered.exchange(true, ordering: .acquiringAndReleasing)
    }

    /// A replica gets the call.
    func begin(on replica: ReplicaID) {
        self.replica.store(replica.number, ordering: .relaxed)
    }

    // MARK: The plugin's side

    package var isAbandoned: Bool { isAnswered.load(ordering: .acquiring) }

    package var requestID: String { caller.requestID }

    package func makeMetadata() -> CallMetadata { caller.makeMetadata() }

    package func send(_ part: PluginResponse) -> Bool {
        !isAbandoned && caller.receive(part: part)
    }

    package func finish(_ result: Result<PluginResponse, PluginFailure>) {
        let inTime: Bool
        switch result {
        case .success(let response): inTime = answer(.success(response))
        case .failure(let failure):
            var error = DispatchError(.plugin(failure.status), failure.message, cause: failure)
            error.replica = ReplicaID(number: replica.load(ordering: .relaxed))
            inTime = answer(.failure(error))
        }
        backend.pluginFinished(self, inTime: inTime)
    }
}

/// The calls that one call has led to and that have no answer yet.
private final class ChildCalls: Sendable {
    private let calls = NIOLockedValueBox<[ObjectIdentifier: HandleCall]>([:])

    func insert(_ call: HandleCall) {
        calls.withLockedValue { $0[ObjectIdentifier(call)] = call }
    }

    func remove(_ call: HandleCall) {
        calls.withLockedValue { _ = $0.removeValue(forKey: ObjectIdentifier(call)) }
    }

    func cancel() {
        for call in calls.withLockedValue({ $0 }).values { call.cancel() }
    }
}
