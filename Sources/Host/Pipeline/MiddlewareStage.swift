package import HostCore
internal import HostDispatch

/// One stage of a chain: sees a request on its way in, and the response on its way out.
///
/// A stage owes each request one of three things: to let it go on (``Next/proceed(_:for:)``), to answer it by itself
/// (``Next/respond(to:with:)``) or to refuse it (``Next/refuse(_:with:)``). It may do so before
/// ``handle(_:for:_:)`` returns or later, from any thread, and never blocks the thread that it is called on, which may
/// be an event loop. To see the response, it lets the request go on for a caller of its own in front of the one it was
/// given, such as a ``FilteringSink``.
package protocol MiddlewareStage: Sendable {
    /// Whether it looks at the request's body: then the request comes when all of it is there, otherwise as soon as its
    /// head is, with the body if that came together with it.
    var readsBody: Bool { get }

    /// Why it lets nothing through, for operators; nil: it does.
    var failure: String? { get }

    /// - Parameters:
    ///   - sink: gets the response.
    ///   - next: the rest of the chain.
    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next)
}

extension MiddlewareStage {
    package var readsBody: Bool { false }
    package var failure: String? { nil }
}
