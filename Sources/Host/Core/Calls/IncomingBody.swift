internal import NIOConcurrencyHelpers
package import NIOCore

/// A request's body that is still arriving, for whoever needs all of it. Any thread.
package final class IncomingBody: Sendable {
    package typealias Waiter = @Sendable (Result<ByteBuffer, DispatchError>) -> Void

    private enum State {
        case arriving([Waiter])
        case over(Result<ByteBuffer, DispatchError>)
    }

    private struct Guarded {
        var state = State.arriving([])
        var limit: Int
    }

    private let guarded: NIOLockedValueBox<Guarded>
    private let onWanted: @Sendable () -> Void

    /// - Parameters:
    ///   - limit: the largest body that is taken, in bytes.
    ///   - onWanted: called when somebody begins to wait: a client may wait to be asked for the body.
    package init(limit: Int, onWanted: @escaping @Sendable () -> Void) {
        guarded = NIOLockedValueBox(Guarded(limit: limit))
        self.onWanted = onWanted
    }

    /// The largest body that is taken, in bytes.
    package var limit: Int { guarded.withLockedValue { $0.limit } }

    /// Takes no more than `limit` bytes, and none of a body that is there already and has more.
    package func lower(limit: Int) {
        guarded.withLockedValue { guarded in
            guarded.limit = min(guarded.limit, limit)
            if case .over(.success(let body)) = guarded.state, body.readableBytes > limit {
                guarded.state = .over(.failure(Self.tooLarge(limit: limit)))
            }
        }
    }

    /// The refusal of a body that has more bytes than it may have.
    package static func tooLarge(limit: Int) -> DispatchError {
        DispatchError(
            .refused(httpStatus: 413), "the request body is over the limit of \(limit) bytes")
    }

    /// - Parameter waiter: called once, also before this returns, on the thread that has the rest of the body or on
    ///   this one.
    package func whenThere(_ waiter: @escaping Waiter) {
        let result = guarded.withLockedValue { guarded -> Result<ByteBuffer, DispatchError>? in
            guard case .arriving(let waiters) = guarded.state else {
                if case .over(let result) = guarded.state { return result }
                return nil
            }
            guarded.state = .arriving(waiters + [waiter])
            return nil
        }
        if let result { waiter(result) } else { onWanted() }
    }

    /// All of it is there, or why it never will be. What comes second changes nothing.
    package func end(_ result: Result<ByteBuffer, DispatchError>) {
        let waiters = guarded.withLockedValue { guarded -> [Waiter] in
            guard case .arriving(let waiters) = guarded.state else { return [] }
            guarded.state = .over(result)
            return waiters
        }
        for waiter in waiters { waiter(result) }
    }
}
