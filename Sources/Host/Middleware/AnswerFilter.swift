package import HostDispatch
package import NIOCore

/// What a stage does with an answer on its way out. Made for one request; its functions don't overlap for a plugin that
/// writes from one thread at a time.
package protocol AnswerFilter: Sendable {
    /// Sees the head, before anything of the body; once.
    func begin(_ head: inout AnswerHead)

    /// Sees a piece of a successful answer's body; the last one may be empty, and is the only one of an answer that is
    /// not streamed.
    func pass(_ body: inout ByteBuffer, isLast: Bool)

    /// The answer is over, and has left the stage after this.
    ///
    /// - Parameter error: why it is none, or broke off; nil: it is whole.
    func end(_ error: DispatchError?)
}

extension AnswerFilter {
    package func begin(_ head: inout AnswerHead) {}
    package func pass(_ body: inout ByteBuffer, isLast: Bool) {}
    package func end(_ error: DispatchError?) {}
}
