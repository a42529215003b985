/// The caller that all others of a request stand in front of: where a response is on its way to.
///
/// For whoever is at work on the request without a thread of its own: to stop when nobody waits, and to write no faster
/// than the response is read. Any thread.
package protocol OriginSink: ResponseSink {
    /// Whether a request that comes out of the middleware goes back to the caller's own thread, on which INLINE methods
    /// may run.
    var hasOwnThread: Bool { get }

    /// Whether this is that thread.
    var isOnOwnThread: Bool { get }

    /// Goes on on that thread, or, without one, on Swift's pool: for who comes from a clock, or from a thread that is
    /// not there for requests.
    ///
    /// - Parameter body: called once, also before this returns.
    func onOwnThread(_ body: @escaping @Sendable () -> Void)

    /// Nobody waits any more: the response has come, or the caller has gone.
    ///
    /// - Parameter body: called once, also before this returns.
    func whenOver(_ body: @escaping @Sendable () -> Void)

    /// There is room: `receive(part:)` would not block if nobody else wrote, or nobody waits for parts any more.
    ///
    /// - Parameter body: called once, also before this returns.
    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void)

    /// The request's body takes more memory than its bytes that were received, such as those without a coding.
    ///
    /// - Returns: false when the host has no room for that; then they are to be dropped.
    func takeRoom(forBodyBytes count: Int) -> Bool
}

extension OriginSink {
    package func takeRoom(forBodyBytes count: Int) -> Bool { true }
}

extension OriginSink {
    package var hasOwnThread: Bool { false }
    package var isOnOwnThread: Bool { false }
    package func onOwnThread(_ body: @escaping @Sendable () -> Void) { Task { body() } }
}

/// Those who want to know that a caller waits no more, until it is so. To be guarded by the caller's lock.
package struct CompletionListeners: Sendable {
    package typealias Listener = @Sendable () -> Void

    private var isOver = false
    private var listeners: [Listener] = []

    package init() {}

    /// - Returns: whether it is over: then the listener is to be called at once.
    package mutating func add(_ listener: @escaping Listener) -> Bool {
        if !isOver { listeners.append(listener) }
        return isOver
    }

    /// - Returns: who is to be told. Once; then nobody.
    package mutating func end() -> [Listener] {
        isOver = true
        defer { listeners = [] }
        return listeners
    }
}
