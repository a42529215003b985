package import HostCore
package import NIOCore

/// What a stage does with a response on its way out. Made for one request.
///
/// The chain calls the functions one after the other, from whatever threads the response comes: ``begin(_:)`` at most
/// once, then ``pass(_:isLast:)`` for each piece, then ``end(_:)`` exactly once, and nothing after it. That holds
/// whatever happens: a plugin may write from several threads at once, and a deadline, or a client that leaves, may end
/// the response under its hands. So a filter needs no lock, and its `Sendable` may rest on this promise. A function
/// that waits holds up the response, and nothing else.
package protocol ResponseFilter: Sendable {
    /// Sees the head, before anything of the body. The filter of a request that is given up sees none.
    func begin(_ head: inout ResponseHead)

    /// Sees a piece of a successful response's body; the last one may be empty, and is the only one of a response that
    /// is not streamed. The pieces reach the client in the order in which they passed.
    func pass(_ body: inout ByteBuffer, isLast: Bool)

    /// The response is over; what is in front of the stage is told after this.
    ///
    /// - Parameter error: why there is none, or why it broke off; nil: it is whole.
    func end(_ error: DispatchError?)

    /// Whether the functions may run on this thread: false for those of a plugin's on a clock, say.
    var mayRunHere: Bool { get }

    /// Runs `body`, which calls the functions that end the response, on a thread where they may. Pieces are not moved:
    /// whoever brings them waits for the client.
    func runElsewhere(_ body: @escaping @Sendable () -> Void)
}

extension ResponseFilter {
    package func begin(_ head: inout ResponseHead) {}
    package func pass(_ body: inout ByteBuffer, isLast: Bool) {}
    package func end(_ error: DispatchError?) {}
    package var mayRunHere: Bool { true }
    package func runElsewhere(_ body: @escaping @Sendable () -> Void) { body() }
}
