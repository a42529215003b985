internal import HostDispatch
internal import HostLogging
internal import HostPipeline
internal import HostRouting
internal import Logging
internal import NIOCore

/// The connections of one event loop, and what they share. Confined to that loop.
final class ConnectionGroup {
    let router: Router
    let rules: RequestRules
    let routes: RouteTable
    let budget: BodyBudget
    let settings: IngressSettings
    let logger: Logger
    /// What may happen with every request. Shared by all groups.
    let failures: LimitedLog
    let allocator = ByteBufferAllocator()
    let eventLoop: any EventLoop
    let answers: ResponseQueue
    /// Those that have a descriptor of their own. Shared by all groups.
    let sockets: ConnectionCount
    /// Shared, so that the date is made once a second and not once per connection.
    var encoder = ResponseEncoder()
    /// Shared, because clients mostly ask for the same.
    var texts = RepeatedTexts()
    /// Memory of the last response.
    private var output = ByteBuffer()
    private(set) var isDraining = false
    private var wakeups = WakeupBatch()
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]

    /// How often deadlines are looked at: what they are late by, at most.
    static let sweepInterval = TimeAmount.milliseconds(250)

    init(
        routes: RouteTable, router: Router, budget: BodyBudget,
        settings: IngressSettings, eventLoop: any EventLoop, logger: Logger,
        failures: LimitedLog, sockets: ConnectionCount
    ) {
        self.sockets = sockets
        self.eventLoop = eventLoop
        answers = ResponseQueue(eventLoop: eventLoop)
        self.router = router
        rules = RequestRules(maxBodySize: settings.maxBodySize)
        self.routes = routes
        self.budget = budget
        self.settings = settings
        self.logger = logger
        self.failures = failures
    }

    /// Submits a call. The threads that it and its like need are woken when the event loop has read what there is.
    func submit(_ call: Call, to backend: Backend) {
        // One of its own: an INLINE method answers in here, and the connection may go on to submit the next call.
        var added = WakeupBatch()
        backend.submit(call, wakeups: &added)
        let isFirst = wakeups.isEmpty
        wakeups.add(added)
        guard isFirst, !wakeups.isEmpty else { return }
        let group = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { group.value.wakeups.wake() }
    }

    /// An empty buffer, without new memory if the last response has left for the kernel.
    func takeOutput(room: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        swap(&buffer, &output)
        buffer.clear(minimumCapacity: room)
        return buffer
    }

    /// Keeps a buffer's memory for the next response.
    func keepOutput(_ buffer: ByteBuffer) { output = buffer }

    func insert(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Closes the connections whose time is up.
    func sweep(at now: NIODeadline) {
        for connection in connections.values {
            if connection.socket?.isWritten ?? false {
                connection.takeSocketBack()
                connection.continueAfterCall()
            }
            if connection.deadline <= now { connection.timeOut() }
        }
        guard budget.isShort(at: now) else { return }
        for connection in connections.values { connection.giveUpStalledUpload(at: now) }
    }

    /// Closes the connections that have no request, the others when they have answered theirs.
    func drain() {
        isDraining = true
        for connection in connections.values { connection.drain() }
    }

    func closeAll() {
        for connection in connections.values { connection.close() }
    }
}
