package import HostCore
internal import NIOCore

/// What runs the calls of one replica, and the lifecycle functions of its plugin: threads of this process, or a process
/// of its own. Dispatch can't tell which.
///
/// Assignments come from any thread. A worker begins what it is given and says when it has returned
/// (``AssignmentOwner``); what becomes of the calls themselves it says to them. How many run at once, and on which of
/// the worker's threads, is the backend's decision.
package protocol ReplicaWorker: AnyObject, Sendable {
    /// Takes an assignment that has a thread.
    ///
    /// - Returns: what is to be woken for it; nil: it has begun.
    func prepare(_ assignment: Assignment, of owner: any AssignmentOwner) -> (any Wakeable)?

    /// Runs an assignment that has no thread on the current one. It has returned when this returns.
    func runInline(_ assignment: Assignment, of owner: any AssignmentOwner)

    /// Who is told that the worker has ended by itself, and why: nothing runs there any more. At once, if it has.
    func whenEnded(_ listener: @escaping @Sendable (String) -> Void)

    /// A call went on after its deadline and the grace after that: a worker that can be ended is.
    func callHangs()

    // MARK: Lifecycle. No call may be running or be sent meanwhile, nor another one of these.

    /// Has the plugin warmed up, if it wants to be.
    ///
    /// - Throws: ``PluginError`` from the plugin, or when it takes longer than `limit`. So do all that follow.
    func warmUp(within limit: Duration) async throws(PluginError)

    /// Asks the plugin whether it can serve, if it has a way to tell.
    func checkHealth(within limit: Duration) async throws(PluginError)

    /// The plugin's state for its next generation. Requires ``ReplicaSource/handsStateOver``.
    func save(within limit: Duration) async throws(PluginError) -> [UInt8]

    /// Takes over what ``save(within:)`` of another generation's worker returned. Requires
    /// ``ReplicaSource/handsStateOver``.
    func restore(_ state: [UInt8], within limit: Duration) async throws(PluginError)

    /// Tells the plugin of a new `user_config`. Requires ``ReplicaSource/takesNewConfiguration``.
    func reconfigure(_ userConfig: String, within limit: Duration) async throws(PluginError)

    /// Destroys the instance and ends the worker. One that doesn't end in time is left to itself.
    func stop(within limit: Duration) async throws(PluginError)

    /// Gives up on the instance: a call of it hangs. The worker ends if that comes back.
    func abandon()
}

/// A thread of this process ends with it, and not before.
extension ReplicaWorker {
    package func whenEnded(_ listener: @escaping @Sendable (String) -> Void) {}
    package func callHangs() {}
}

/// Who has given a worker an assignment, and is told what became of it. Any thread.
package protocol AssignmentOwner: AnyObject, Sendable {
    /// An assignment with a thread has returned. Calls of an ASYNC method may be unfinished.
    ///
    /// - Returns: the next one for the same thread; nil: the thread is to sleep.
    func returned(_ assignment: Assignment) -> Assignment?

    /// A health check is over; ``returned(_:)`` follows.
    ///
    /// - Parameter error: why the replica is not fit for service; nil: it is.
    func healthChecked(_ replica: ReplicaID, _ error: PluginError?)
}

/// Who submits a call once it is known which backend gets it. Any thread.
package protocol CallSubmitter: AnyObject, Sendable {
    /// Submits the call, if its response is still wanted. INLINE methods run on the thread on which it is submitted.
    /// Called more than once for a request if a stage tries again.
    func submit(_ call: Call, to backend: Backend)

    /// Submits a shadow's call.
    func submit(copy call: Call, to backend: Backend)
}

/// What sleeps until it is woken for work that it has been given.
package protocol Wakeable: AnyObject, Sendable {
    func wake()
}

extension SerialThread: Wakeable {}

/// What replicas are made of: one version of a plugin's code, loaded and ready.
package protocol ReplicaSource: AnyObject, Sendable {
    /// The generation's number, never used twice in a host.
    var number: Int { get }
    /// In the order of the plugin's own table.
    var methods: [MethodTraits] { get }
    /// Whether health checks may run beside calls.
    var isReentrant: Bool { get }
    var tellsHealth: Bool { get }
    var handsStateOver: Bool { get }
    var takesNewConfiguration: Bool { get }
    var hasBatchKeys: Bool { get }
    /// Whether its workers run several calls one after the other that they are given at once.
    var carriesCalls: Bool { get }

    /// What the plugin says may share a batch with the call: calls of one method with the same key. Any thread.
    ///
    /// - Returns: 0 for a method that takes no batches, and when the plugin has no keys.
    func batchKey(of call: any PluginCall, method: Int) -> UInt64

    /// Starts a worker and makes the plugin's instance there.
    ///
    /// - Parameters:
    ///   - index: the replica's, within its backend.
    ///   - userConfig: JSON.
    /// - Throws: ``PluginError`` from the plugin, or when it takes longer than `limit`.
    func makeWorker(
        replica index: Int, backend: String, userConfig: String, within limit: Duration
    ) async throws(PluginError) -> any ReplicaWorker
}

extension ReplicaSource {
    package var carriesCalls: Bool { false }
}

/// What dispatch has to know of a method to run its calls.
package struct MethodTraits: Sendable, Equatable {
    package var name: String
    package var isBatchable: Bool
    package var isInline: Bool
    package var isAsync: Bool
    /// Whether it may run beside others of the same instance that are re-entrant.
    package var isReentrant: Bool
    /// Whether a call that is made again has the effect of one.
    package var isIdempotent: Bool
    /// How many calls the plugin likes in a batch; nil: no preference.
    package var preferredBatchSize: Int?

    package init(
        name: String, isBatchable: Bool, isInline: Bool, isAsync: Bool, isReentrant: Bool,
        isIdempotent: Bool, preferredBatchSize: Int?
    ) {
        self.name = name
        self.isBatchable = isBatchable
        self.isInline = isInline
        self.isAsync = isAsync
        self.isReentrant = isReentrant
        self.isIdempotent = isIdempotent
        self.preferredBatchSize = preferredBatchSize
    }
}

/// Something for a replica's worker to do.
package struct Assignment: Sendable {
    package enum Work: Sendable {
        /// - `method`: an index into the source's methods.
        case calls(method: Int, CallBatch)
        case healthCheck
    }

    let invocation: UInt64
    package let replica: ReplicaID
    /// Which of the worker's threads, from 0; nil: the one that submits the call, for an INLINE method.
    package let thread: Int?
    package let work: Work
    /// Whether what it does on its thread is to be looked at: for an INLINE method that is suspect.
    var isWatched = false
    /// Whether its calls are to be run one after the other: they share no batch.
    package var isCarried = false
    /// When calls began.
    var start = NIODeadline.uptimeNanoseconds(0)

    var calls: CallBatch {
        if case .calls(_, let calls) = work { calls } else { CallBatch() }
    }
}

/// Workers that have work and are to be woken for it, together.
///
/// An event loop that reads many requests in a row would be interrupted by the thread that it wakes for the first of
/// them; collecting the wake-ups until it has read them all saves a change of threads per request. Confined to whoever
/// collects.
package struct WakeupBatch {
    private var sleepers: [any Wakeable] = []

    package init() {}

    package var isEmpty: Bool { sleepers.isEmpty }

    /// - Parameter sleeper: nil: nothing is to be woken.
    mutating func add(_ sleeper: (any Wakeable)?) {
        if let sleeper { sleepers.append(sleeper) }
    }

    package mutating func add(_ others: WakeupBatch) {
        sleepers += others.sleepers
    }

    /// Wakes them.
    package mutating func wake() {
        for sleeper in sleepers { sleeper.wake() }
        sleepers.removeAll(keepingCapacity: true)
    }
}
