internal import CLinux
internal import HostCore
internal import HostDispatch
internal import HostTransport
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// A worker process, and the host's thread that listens to it: takes its reports, passes its responses on, and is there
/// when it ends.
///
/// Orders come from any thread. What comes from the process is not believed: one that reports what can't be is ended.
final class WorkerLink: Sendable {
    /// What a lane is at.
    enum Job {
        /// Calls, or a health check.
        case assignment(Assignment, any AssignmentOwner)
        case lifecycle(Promise<Result<ByteBuffer, PluginError>>)
        /// Nobody waits for it.
        case answer
    }

    struct Lane {
        var job: Job?
        /// What waits for it.
        var waiting: [(job: Job, order: WorkerOrder?)] = []
        /// What has come of the value that its order has.
        var value = ByteBuffer()
        /// Whether the worker has a thread for it.
        var isThere = false
    }

    struct State {
        var lanes = [Lane](repeating: Lane(), count: WorkerMemory.laneCount)
        var calls = CallTable()
        var end: WorkerEnd?
        /// Whether those who wait for the end have been told: until then the backend may send more.
        var isEndTold = false
        /// What came between the two.
        var refused: [Job] = []
        var listeners: [@Sendable (WorkerEnd) -> Void] = []
        var foreignOrders: UInt64 = 0
        /// Why the host ends it.
        var reason: String?
        var misuses = 0
    }

    let memory: WorkerMemory
    let plugin: String
    let logger: Logger
    let questions: HandleQuestions
    let memoryLimit: Int?
    /// Whether the plugin has asked what a call is about.
    private let sendsMetadata = Atomic<Bool>(false)
    /// The host's end of the socket.
    let socket: CInt
    let event: CInt
    let output: CInt
    let watch: CInt
    let processID: pid_t
    let state = NIOLockedValueBox(State())

    // MARK: Start

    /// Starts a process.
    ///
    /// - Throws: ``PluginError`` when the system has no process for it.
    static func start(by launcher: WorkerLauncher) async throws(PluginError) -> WorkerLink {
        let started = Promise<Result<WorkerLink, PluginError>>()
        // The kernel ends the process with the thread that has started it: so that is the one that listens to it.
        PluginThread.start(name: "bp-\(launcher.plugin)") {
            let result = Result { () throws(PluginError) in try WorkerLink(by: launcher) }
            started.fulfil(result)
            if case .success(let link) = result { link.listen() }
        }
        return try await started.value.get()
    }

    private init(by launcher: WorkerLauncher) throws(PluginError) {
        let program = try launcher.executable.descriptor()
        do throws(TransportError) {
            memory = try WorkerMemory()
        } catch {
            throw PluginError(.lifecycleFailed, error.message)
        }
        plugin = launcher.plugin
        logger = launcher.logger
        questions = HandleQuestions(to: launcher.endpoints)
        let settings = launcher.settings
        memoryLimit = settings.limits.memory
        var sockets: [CInt] = [-1, -1]
        var pipe: [CInt] = [-1, -1]
        let nothing = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        let event = clinux_event()
        defer {
            for descriptor in [nothing, pipe[1], sockets[1]] where descriptor >= 0 {
                close(descriptor)
            }
        }
        var (process, watch): (pid_t, CInt) = (0, -1)
        var reason = ENOENT
        if nothing >= 0, event >= 0, unsafe clinux_socket_pair(&sockets) == 0,
            unsafe clinux_pipe(&pipe) == 0
        {
            let descriptors = [
                nothing, pipe[1], pipe[1], sockets[1], memory.memory.descriptor, event,
            ]
            reason = unsafe withCStrings(
                [WorkerExecutable.name, "\(getpid())", launcher.plugin] + settings.limits.arguments,
                Self.environment(with: settings.environment)
            ) { arguments, environment in
                unsafe clinux_spawn(
                    program, arguments, environment, descriptors, CInt(descriptors.count), &process,
                    &watch)
            }
        } else {
            reason = errno
        }
        guard reason == 0 else {
            for descriptor in [event, pipe[0], sockets[0]] where descriptor >= 0 {
                close(descriptor)
            }
            throw PluginError(
                .lifecycleFailed, "no worker process can be started: \(SystemError.text(reason))")
        }
        (socket, output, self.event, self.watch) = (sockets[0], pipe[0], event, watch)
        processID = process
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
    }

    /// That of the host, but that Swift's runtime writes no backtrace, for which a crash would wait.
    private static func environment(with added: [String: String]) -> [String] {
        let own = added.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        var lines = own.map { "\($0.key)=\($0.value)" }
        var entry = unsafe environ
        while let line = unsafe entry.pointee {
            let text = unsafe String(cString: line)
            let name = String(text.prefix { $0 != "=" })
            if own[name] == nil { lines.append(text) }
            unsafe entry += 1
        }
        return lines
    }

    // MARK: Orders. Any thread.

    /// Has an order carried out on the first lane.
    ///
    /// - Parameter what: the function, for the error when it takes too long.
    /// - Returns: its value.
    func perform(
        _ order: WorkerOrder, _ what: String, within limit: Duration
    ) async throws(PluginError) -> ByteBuffer {
        let promise = Promise<Result<ByteBuffer, PluginError>>()
        begin(.lifecycle(promise), order, lane: 0)?.wake()
        guard let result = await promise.value(within: limit) else {
            throw .timedOut(what, after: limit)
        }
        return try result.get()
    }

    /// - Returns: what is to be woken for it.
    func prepare(_ assignment: Assignment, of owner: any AssignmentOwner) -> (any Wakeable)? {
        let thread = assignment.thread ?? 0
        let lanes = WorkerOrder.answerLane
        let lane = thread < lanes ? thread : 1 + thread % (lanes - 1)
        return begin(.assignment(assignment, owner), nil, lane: lane)
    }

    /// Answers a question of the plugin's handles.
    func answer(_ number: UInt64, _ answer: HandleAnswer) {
        begin(.answer, .answer(number, answer), lane: WorkerOrder.answerLane)?.wake()
    }

    func sendMetadata() { sendsMetadata.store(true, ordering: .relaxed) }

    /// The call on whose behalf another one is made, if it is not finished.
    func parent(_ number: CallNumber?) -> Call? {
        state.withLockedValue { state in number.flatMap { state.calls.find($0)?.call } }
    }

    /// Orders that may wait for a lane: of calls at most one does, of answers as many as a plugin may be waiting for.
    private static let mostWaiting = 10_000

    func begin(_ job: Job, _ order: WorkerOrder?, lane: Int) -> (any Wakeable)? {
        enum Beginning {
            case now(isNew: Bool)
            case later
            case tooMany
            case never(WorkerEnd)
        }
        let beginning = state.withLockedValue { state -> Beginning in
            if let end = state.end {
                guard !state.isEndTold else { return .never(end) }
                state.refused.append(job)
                return .later
            }
            guard state.lanes[lane].job == nil else {
                state.lanes[lane].waiting.append((job, order))
                return state.lanes[lane].waiting.count > Self.mostWaiting ? .tooMany : .later
            }
            state.lanes[lane].job = job
            defer { state.lanes[lane].isThere = true }
            return .now(isNew: !state.lanes[lane].isThere && lane > 0)
        }
        switch beginning {
        case .later: return nil
        case .tooMany:
            kill(because: "it asks and does not take the answers")
            return nil
        case .never(let end):
            // Not here: what is tried again may come back, until the backend knows.
            return Refusal { [self] in
                PluginThread.start(name: "bp-\(plugin)") { self.fail(job, end) }
            }
        case .now(let isNew):
            if isNew, !send(UInt64(lane)) { kill(because: "it does not read its socket") }
            put(job, order, lane: lane)
            return LaneWaker(OrderLane(lane, in: memory))
        }
    }

    /// Sends a word, and a descriptor with it. Never blocks.
    ///
    /// - Returns: whether it is on its way. To a process that has ended nothing is: the socket's number may be
    ///   another's.
    private func send(_ word: UInt64, _ descriptor: CInt = -1) -> Bool {
        state.withLockedValue { $0.end == nil && clinux_send_word(socket, word, descriptor) == 0 }
    }

    private func put(_ job: Job, _ order: WorkerOrder?, lane index: Int) {
        let lane = OrderLane(index, in: memory)
        let bytes = pack(job, order)
        guard bytes.readableBytes > OrderLane.capacity else { return lane.put(bytes) }
        do throws(TransportError) {
            let foreign = try SharedMemory(named: "backplane-order", size: bytes.readableBytes)
            foreign.write(bytes)
            let number = state.withLockedValue { state in
                state.foreignOrders += 1
                return state.foreignOrders
            }
            guard send(number, foreign.descriptor) else {
                throw TransportError("it does not read its socket")
            }
            lane.put(elsewhere: number, size: bytes.readableBytes)
        } catch {
            kill(because: error.message)
        }
    }

    private func pack(_ job: Job, _ order: WorkerOrder?) -> ByteBuffer {
        if let order { return order.packed }
        guard case .assignment(let assignment, _) = job else {
            preconditionFailure("a job without an order")
        }
        guard case .calls(let method, let calls) = assignment.work else {
            return WorkerOrder.checkHealth.packed
        }
        var numbered: [(number: CallNumber, call: any PluginCall)] = []
        for call in calls {
            let (running, hasEnded) = state.withLockedValue { state -> (RunningCall?, Bool) in
                guard state.end == nil else { return (nil, true) }
                guard let number = state.calls.takeNumber() else { return (nil, false) }
                let running = RunningCall(call, number, in: memory) { [self] running in
                    self.state.withLockedValue { $0.calls.remove(running) }
                }
                state.calls.insert(running)
                return (running, false)
            }
            if let running {
                numbered.append((running.number, call))
            } else if !hasEnded {
                // Those of a process that has ended are lost with their job.
                call.finish(
                    .failure(
                        CallFailure(
                            .resourceExhausted,
                            "the worker process of \(plugin) has \(WorkerMemory.slotCount) unfinished calls"
                        )))
            }
        }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(
            numbered.reduce(64) { $0 + $1.call.argument.readableBytes + 64 })
        WorkerOrder.pack(
            numbered, method: method, isBatch: !assignment.isCarried,
            withMetadata: sendsMetadata.load(ordering: .relaxed), into: &bytes)
        return bytes
    }

    // MARK: The end

    /// Ends the process at once.
    func kill(because reason: String) {
        state.withLockedValue { state in
            guard state.end == nil else { return }
            state.reason = state.reason ?? reason
            // Under the lock: the descriptor is closed when the end is known.
            clinux_signal(watch, SIGKILL)
        }
    }

    /// - Parameter listener: called once when the process has ended, on any thread, also before this returns.
    func whenEnded(_ listener: @escaping @Sendable (WorkerEnd) -> Void) {
        let end = state.withLockedValue { state in
            if state.end == nil { state.listeners.append(listener) }
            return state.end
        }
        if let end { listener(end) }
    }

    /// Waits for the end of a process that has been told to end; kills it when that takes too long.
    func ended(within limit: Duration) async {
        let promise = Promise<Void>()
        whenEnded { _ in promise.fulfil() }
        guard await promise.isFulfilled(within: limit) else {
            return kill(because: "it did not end in time")
        }
    }

    /// How often the plugin has broken the contract in this process.
    var misuses: Int { state.withLockedValue { $0.misuses } }

    /// - Parameter begun: calls that the worker had; they are failed elsewhere.
    func fail(_ job: Job, _ end: WorkerEnd, _ begun: [RunningCall] = []) {
        switch job {
        case .answer: break
        case .lifecycle(let promise):
            promise.fulfil(
                .failure(
                    PluginError(
                        .workerEnded, "the worker process of \(plugin) ended \(end)")))
        case .assignment(let assignment, let owner):
            if case .calls(_, let calls) = assignment.work {
                for call in calls
                where !call.isAbandoned && !begun.contains(where: { $0.call === call }) {
                    call.lost(failure(of: call, end), hasBegun: false)
                }
            }
            if let next = owner.returned(assignment) { prepare(next, of: owner)?.wake() }
        }
    }

    /// Of calls that are run one after the other, those behind the one that ran.
    static func notBegun(of jobs: [Job], _ running: [RunningCall]) -> Set<CallNumber> {
        var notBegun: Set<CallNumber> = []
        for job in jobs {
            guard case .assignment(let assignment, _) = job, assignment.isCarried,
                case .calls(_, let calls) = assignment.work
            else { continue }
            let left = calls.compactMap { call in running.first { $0.call === call }?.number }
            notBegun.formUnion(left.dropFirst())
        }
        return notBegun
    }

    func failure(of call: Call, _ end: WorkerEnd) -> CallFailure {
        CallFailure(
            .unavailable,
            "the worker process of \(plugin) ended \(end) while it ran \(call.method)",
            httpStatus: 502)
    }
}

/// Wakes a thread of a worker's.
private final class LaneWaker: Wakeable {
    private let lane: OrderLane

    init(_ lane: OrderLane) {
        self.lane = lane
    }

    func wake() { lane.wake() }
}

/// In place of a worker that has ended.
private final class Refusal: Wakeable {
    private let refuse: @Sendable () -> Void

    init(_ refuse: @escaping @Sendable () -> Void) {
        self.refuse = refuse
    }

    func wake() { refuse() }
}

/// Runs `body` with texts as C has them.
private func withCStrings<Value>(
    _ first: [String], _ second: [String],
    _ body: (
        UnsafePointer<UnsafeMutablePointer<CChar>?>, UnsafePointer<UnsafeMutablePointer<CChar>?>
    ) -> Value
) -> Value {
    let texts = unsafe [first, second].map { texts in
        unsafe texts.map { unsafe strdup($0) } + [nil]
    }
    let owned = unsafe Array(texts.joined())
    defer { for index in unsafe owned.indices { unsafe free(owned[index]) } }
    return unsafe texts[0].withUnsafeBufferPointer { first in
        unsafe texts[1].withUnsafeBufferPointer { second in
            unsafe body(first.baseAddress!, second.baseAddress!)
        }
    }
}
