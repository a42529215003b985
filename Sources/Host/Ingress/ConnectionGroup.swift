internal import HostDispatch
internal import Logging
internal import NIOCore

/// The connections of one event loop, and what they share. Confined to that loop.
final class ConnectionGroup {
    let router: Router
    let settings: IngressSettings
    let logger: Logger
    let allocator = ByteBufferAllocator()
    let eventLoop: any EventLoop
    let answers: AnswerQueue
    /// Shared, so that the date is made once a second and not once per connection.
    var encoder = ResponseEncoder()
    private(set) var isDraining = false
    private var wakeups = WakeupBatch()
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]

    /// How often deadlines are looked at: what they are late by, at most.
    static let sweepInterval = TimeAmount.milliseconds(250)

    init(router: Router, settings: IngressSettings, eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        answers = AnswerQueue(eventLoop: eventLoop)
        self.router = router
        self.settings = settings
        self.logger = logger
    }

    /// Submits a call. The threads that it and its like need are woken when the event loop has read what there is.
    func submit(_ call: Call, to backend: Backend) {
        let isFirst = wakeups.isEmpty
        backend.submit(call, wakeups: &wakeups)
        guard isFirst, !wakeups.isEmpty else { return }
        let group = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { group.value.wakeups.wake() }
    }

    func insert(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Closes the connections whose time is up.
    func sweep(at now: NIODeadline) {
        for connection in connections.values where connection.deadline <= now {
            connection.timeOut()
        }
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
