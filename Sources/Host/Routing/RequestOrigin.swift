package import HostCore
package import HostDispatch

/// A request as the face that took it keeps it, until it has its response. Any thread.
///
/// What is behind a face sees this and a ``HostCore/Request``, and never a connection.
package protocol RequestOrigin: OriginSink, CallSubmitter {
    /// What there was to call when the request came; nil once nobody waits for the response. A call that goes on after
    /// that keeps no backend but its own.
    var routes: RouteSnapshot? { get }

    /// What counts the bytes of the request's body, for as long as somebody refers to it; nil: nobody counts them.
    var bodyHold: (any AnyObject & Sendable)? { get }

    /// The stages around all endpoints have made another request of this one: plugins are told of that.
    ///
    /// - Parameter subject: who the caller is, as a stage has found; empty: nobody asked.
    func replaceHead(_ head: any SentHead, subject: String)
}

/// A protocol by which requests come in and responses go out, such as HTTP/1.1.
///
/// Its life: ``start()``, and then ``run()`` for as long as the host serves. A face makes a ``HostCore/Request`` and a
/// ``RequestOrigin`` of what it reads, and gives both to its ``Router``.
package protocol Face: Sendable {
    /// Listens.
    ///
    /// - Returns: the port; 0: it has none.
    /// - Throws: an error with a one-line description for people.
    func start() async throws -> Int

    /// Returns when the host shuts down, after the requests that had come have their responses, or the time for that is
    /// up.
    func run() async
}
