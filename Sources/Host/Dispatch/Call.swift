package import HostCore
internal import NIOConcurrencyHelpers
package import NIOCore
internal import Synchronization

/// One request to one method of a backend: answered exactly once, finished by the plugin at most once.
///
/// The two are different events. The response goes to the caller as soon as there is one: the plugin's, or the host's
/// when the deadline passes. A plugin that is still at work keeps the call until it finishes it; what it says then
/// comes too late, and is counted.
package final class Call: PluginCall {
    private let plan: CallPlan
    package let deadline: NIODeadline?
    /// The deadline that the backend alone sets. What a caller shortens for itself says nothing of the plugin's
    /// health.
    let backendDeadline: NIODeadline?
    /// Whether the deadline is not the backend's own.
    var isShortened: Bool { deadline != backendDeadline }
    /// Where in the queue it waits, if it does. The queue's, and guarded as that is; atomic because it is a part of a
    /// class.
    let place = Atomic<Int>(-1)
    /// The number of the replica that has it; 0: none yet.
    private let replica = Atomic<Int>(0)
    /// Whether the backend waits for the plugin to finish it, and not for its method to return.
    private let isAsync = Atomic<Bool>(false)
    /// What has happened to it, of which most calls know nothing.
    private let marks = Atomic<UInt8>(0)

    private enum Mark {
        static let isInBatch: UInt8 = 1
        /// There was a part of a streamed response: what has begun can't begin again.
        static let hasStreamed: UInt8 = 2
        /// It has run on a worker that ended.
        static let wasRerun: UInt8 = 4
    }

    private let backend: Backend
    private let sink: any ResponseSink
    /// nil: nobody listens.
    let observation: CallObservation?
    private let isAnswered = Atomic<Bool>(false)
    /// What becomes of the plugin's response while an INLINE method runs: it is kept, because the time in which it is
    /// passed on, packed by a stage for one, is not the method's.
    private enum Keeping: UInt8, AtomicRepresentable {
        case off
        case on
        /// There is one in ``kept``.
        case full
    }

    private let keeping = Atomic<Keeping>(.off)
    // Written by who has claimed the response, before `keeping` says so; read by who has taken that back.
    private nonisolated(unsafe) var kept: Result<CallResponse, DispatchError>?
    /// Who is told that the call has its response. Few calls have one.
    private let follower = AtomicLazyReference<CallFollower>()
    /// Calls that the plugin made on behalf of this one. Few calls have any.
    private let children = AtomicLazyReference<ChildCalls>()

    package init(_ plan: consuming CallPlan, to backend: Backend, sink: any ResponseSink) {
        self.backend = backend
        self.sink = sink
        let now = NIODeadline.now()
        backendDeadline = backend.requestTimeout.map { now + $0 }
        let callersDeadline = plan.timeout.map { now + TimeAmount($0) }
        deadline = Self.earliest(Self.earliest(backendDeadline, callersDeadline), plan.limit)
        observation = backend.observer.map { [plan] observer in
            CallObservation(
                ObservedCall(
                    endpoint: plan.endpoint, backend: backend.tag, plugin: backend.pluginName,
                    method: plan.method, isInShadow: plan.isInShadow), for: observer)
        }
        self.plan = plan
    }

    package var method: String { plan.method }
    package var argument: ByteBuffer { plan.argument }
    package var contentType: String { plan.contentType }
    package var native: NativeObject? { plan.native }
    /// A replica that is not to get the call if another one is free.
    var avoided: ReplicaID? { plan.avoided }
    /// Whether an INLINE method may run on the thread that submits the call.
    var mayRunInline: Bool { plan.mayRunInline }
    /// Whether it is a shadow's call, or one that such a call has led to.
    var isInShadow: Bool { plan.isInShadow }

    private static func earliest(_ first: NIODeadline?, _ second: NIODeadline?) -> NIODeadline? {
        guard let first else { return second }
        guard let second else { return first }
        return min(first, second)
    }

    /// Takes the call back: the caller went away. What the plugin answers, nobody is told any more.
    package func cancel() {
        guard respond(.failure(.callerGone)) else { return }
        backend.forget(self)
        children.load()?.cancel()
    }

    /// Has a call that is made on behalf of this one cancelled together with it.
    package func adopt(_ child: HandleCall) {
        let children = children.storeIfNil(ChildCalls())
        children.insert(child)
        if isAbandoned { children.cancel() }
    }

    /// A child has its response.
    func release(_ child: HandleCall) {
        children.load()?.remove(child)
    }

    /// Answers the caller, unless that has happened.
    ///
    /// - Returns: whether this was the response.
    @discardableResult
    func respond(_ result: consuming Result<CallResponse, DispatchError>) -> Bool {
        guard claimResponse() else { return false }
        deliver(result)
        return true
    }

    /// From now until ``passResponseOn()`` the plugin's response is kept.
    func keepResponse() {
        keeping.store(.on, ordering: .relaxed)
    }

    /// Gives the caller what was kept, and from now on everything at once.
    func passResponseOn() {
        guard keeping.exchange(.off, ordering: .acquiringAndReleasing) == .full,
            let result = unsafe kept.take()
        else { return }
        deliver(result)
    }

    /// As ``respond(_:)``, for the plugin's.
    private func respondOrKeep(_ result: consuming Result<CallResponse, DispatchError>) -> Bool {
        guard keeping.load(ordering: .relaxed) == .on else { return respond(result) }
        guard claimResponse() else { return false }
        unsafe kept = consume result
        let isKept = keeping.compareExchange(
            expected: .on, desired: .full, ordering: .acquiringAndReleasing
        ).exchanged
        // From another thread, after the method has returned.
        if !isKept, let result = unsafe kept.take() { deliver(result) }
        return true
    }

    /// Ends the call for the plugin, and keeps all others from answering it. ``deliver(_:)`` is owed then.
    ///
    /// - Returns: whether it had no response yet.
    func claimResponse() -> Bool {
        guard !isAnswered.exchange(true, ordering: .acquiringAndReleasing) else { return false }
        follower.load()?.answered()
        return true
    }

    /// Has somebody told when the call has its response, whoever gives it: the last who wants it, until ``unfollow()``.
    ///
    /// - Parameter tell: called once or twice, from any thread; it must be short.
    package func follow(_ tell: @escaping @Sendable () -> Void) {
        follower.storeIfNil(CallFollower()).set(tell)
        if isAbandoned { tell() }
    }

    package func unfollow() { follower.load()?.set(nil) }

    /// Gives the caller the response. After ``claimResponse()``, once; stages run in here.
    func deliver(_ result: consuming Result<CallResponse, DispatchError>) {
        switch consume result {
        case .success(var response):
            observation?.finished(response.status)
            response.comesWithOthers = marks.load(ordering: .relaxed) & Mark.isInBatch != 0
            sink.receive(.success(response))
        case .failure(var error):
            observation?.finished(error.httpStatus)
            error.call = FailedCall(
                backend: backend.tag, plugin: backend.pluginName, method: method)
            sink.receive(.failure(error))
        }
    }

    /// A replica gets the call.
    ///
    /// - Parameters:
    ///   - isAsync: whether the plugin may finish it after its method has returned.
    ///   - isInBatch: whether the replica gets others with it.
    func begin(on replica: ReplicaID, isAsync: Bool, isInBatch: Bool) {
        if isInBatch { set(Mark.isInBatch) }
        self.replica.store(replica.number, ordering: .relaxed)
        self.isAsync.store(isAsync, ordering: .relaxed)
    }

    // MARK: The plugin's side

    package var isAbandoned: Bool { isAnswered.load(ordering: .acquiring) }

    package var requestID: String { sink.requestID }

    package func makeMetadata() -> CallMetadata { sink.makeMetadata() }

    package func send(_ part: CallResponse) -> Bool {
        guard !isAbandoned else { return false }
        set(Mark.hasStreamed)
        observation?.streams(status: part.status)
        return sink.receive(part: part)
    }

    /// The worker that has the call has ended, and the plugin will never finish it. The call runs once more, if its
    /// method says that this has the effect of one.
    ///
    /// - Parameters:
    ///   - failure: what its caller gets otherwise.
    ///   - hasBegun: whether the plugin may have seen it; one that it has not runs again in any case.
    package func lost(_ failure: CallFailure, hasBegun: Bool) {
        guard !isAbandoned, !hasBegun || mayRunAgain else { return finish(.failure(failure)) }
        backend.pluginFinished(self, isAsync: isAsync.load(ordering: .relaxed), inTime: true)
        backend.submit(self)
    }

    private var mayRunAgain: Bool {
        marks.load(ordering: .relaxed) & Mark.hasStreamed == 0
            && backend.isIdempotent(method: method) && set(Mark.wasRerun)
    }

    /// - Returns: whether it was not set before.
    @discardableResult
    private func set(_ mark: UInt8) -> Bool {
        marks.bitwiseOr(mark, ordering: .relaxed).oldValue & mark == 0
    }

    package func finish(_ result: Result<CallResponse, CallFailure>) {
        let inTime: Bool
        switch result {
        case .success(let response): inTime = respondOrKeep(.success(response))
        case .failure(let failure):
            var error = DispatchError(failure)
            error.replica = ReplicaID(number: replica.load(ordering: .relaxed))
            inTime = respondOrKeep(.failure(error))
        }
        backend.pluginFinished(self, isAsync: isAsync.load(ordering: .relaxed), inTime: inTime)
    }
}

/// Somebody who wants to know when a call has its response: for a plugin that can't see the call itself.
private final class CallFollower: Sendable {
    private let tell = NIOLockedValueBox<(@Sendable () -> Void)?>(nil)

    func set(_ tell: (@Sendable () -> Void)?) { self.tell.withLockedValue { $0 = tell } }

    func answered() { tell.withLockedValue { $0 }?() }
}

/// The calls that one call has led to and that have no response yet.
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
