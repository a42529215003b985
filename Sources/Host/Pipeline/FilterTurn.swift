internal import Foundation
internal import HostCore

/// Where the pieces and the end of a streamed response are, between one stage's filter and what is in front of it.
/// Pure.
///
///     nobody ──enter──▶ in the filter ──filtered──▶ handed on ──handedOn──▶ nobody
///
/// One piece at a time makes this way, so the order behind the filter is that in front of it. An end waits for a piece
/// that is in the filter; whoever brought that piece then does what the end asks. A piece that is being handed on may
/// wait for the client for long: an end with an error overtakes it there, a successful one comes behind it.
struct FilterTurn {
    typealias End = Result<CallResponse, DispatchError>

    private enum Place {
        case nobody
        case inFilter
        case handedOn
    }

    enum Entrance: Equatable {
        /// The filter is the caller's, who owes ``filtered()``.
        case enter(isFirst: Bool)
        /// Another piece is on its way; ask again when it has been handed on.
        case wait
        /// The response is over: nobody takes the piece.
        case closed
    }

    private var place = Place.nobody
    /// Comes behind the piece that is on its way.
    private var pending: End?
    /// Whether the response has ended, or is about to.
    private(set) var isOver = false
    /// Whether a piece has passed the filter, or is in it.
    private(set) var hasBegun = false

    mutating func enter() -> Entrance {
        if isOver { return .closed }
        guard case .nobody = place else { return .wait }
        place = .inFilter
        defer { hasBegun = true }
        return .enter(isFirst: !hasBegun)
    }

    /// A piece has passed the filter.
    ///
    /// - Returns: the end of the response, in place of the piece: nobody wants that any more. nil: the piece is to be
    ///   handed on, and ``handedOn()`` is owed.
    mutating func filtered() -> End? {
        if case .failure? = pending {
            place = .nobody
            return pending.take()
        }
        place = .handedOn
        return nil
    }

    /// A piece has been handed on.
    ///
    /// - Returns: the end of the response, which came meanwhile.
    mutating func handedOn() -> End? {
        place = .nobody
        return pending.take()
    }

    /// The response ends. Only the first end counts.
    ///
    /// - Returns: what is to be done now; nil: it comes behind the piece that is on its way, or is none.
    mutating func end(_ end: End) -> End? {
        guard !isOver else { return nil }
        isOver = true
        switch (place, end) {
        case (.nobody, _), (.handedOn, .failure): return end
        case (.inFilter, _), (.handedOn, .success):
            pending = end
            return nil
        }
    }
}

/// A ``FilterTurn`` for threads, those among them that must wait for their turn.
final class FilterGate: @unchecked Sendable {
    // Sendable: the turn is only touched under the condition's lock.
    private var turn = FilterTurn()
    private let condition = NSCondition()

    /// Waits for the turn of a piece: behind others, which may wait for the client.
    ///
    /// - Returns: whether it is the first one; nil: the response is over.
    func enter() -> Bool? {
        condition.withLock {
            while true {
                switch turn.enter() {
                case .enter(let isFirst): return isFirst
                case .wait: condition.wait()
                case .closed: return nil
                }
            }
        }
    }

    func filtered() -> FilterTurn.End? {
        condition.withLock {
            let end = turn.filtered()
            if end != nil { condition.broadcast() }
            return end
        }
    }

    func handedOn() -> FilterTurn.End? {
        condition.withLock {
            condition.signal()
            return turn.handedOn()
        }
    }

    /// - Returns: what is to be done now, and whether pieces have passed before.
    func end(_ end: FilterTurn.End) -> (end: FilterTurn.End?, hasBegun: Bool) {
        condition.withLock {
            // Whoever waits for a turn gets none any more.
            condition.broadcast()
            return (turn.end(end), turn.hasBegun)
        }
    }

    var isOver: Bool { condition.withLock { turn.isOver } }
}
