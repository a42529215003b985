/// The caller that all others of a request stand in front of: where an answer is on its way to.
///
/// For whoever is at work on the request without a thread of its own: to stop when nobody waits, and to write no faster
/// than the answer is read. Any thread.
package protocol FinalCaller: Caller {
    /// Whether a request that comes out of the middleware goes back to the caller's own thread, on which INLINE methods
    /// may run.
    var hasOwnThread: Bool { get }

    /// Nobody waits any more: the answer has come, or the caller has gone.
    ///
    /// - Parameter body: called once, also before this returns.
    func whenOver(_ body: @escaping @Sendable () -> Void)

    /// There is room: `receive(part:)` would not block if nobody else wrote, or nobody waits for parts any more.
    ///
    /// - Parameter body: called once, also before this returns.
    func whenThereIsRoom(_ body: @escaping @Sendable () -> Void)
}
