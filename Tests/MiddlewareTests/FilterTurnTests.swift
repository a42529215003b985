import HostCore
import NIOCore
import TestSupport
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

/// Whose turn it is with a filter, without threads.
@Suite struct FilterTurnTests {
    private static let success = FilterTurn.End.success(
        CallResponse(body: ByteBuffer(), contentType: ""))
    private static let failure = FilterTurn.End.failure(DispatchError(.cancelled, ""))

    /// By reference, for the sake of the macros.
    private final class Turn {
        private var turn = FilterTurn()

        var isOver: Bool { turn.isOver }
        func enter() -> FilterTurn.Entrance { turn.enter() }
        func filtered() -> Bool { turn.filtered() != nil }
        func handedOn() -> Bool { turn.handedOn() != nil }
        func end(_ end: FilterTurn.End) -> Bool { turn.end(end) != nil }
    }

    @Test("a piece waits until the one before it has been handed on")
    func pieces() {
        let turn = Turn()
        #expect(turn.enter() == .enter(isFirst: true))
        #expect(turn.enter() == .wait)
        #expect(!turn.filtered())
        #expect(turn.enter() == .wait)
        #expect(!turn.handedOn())
        #expect(turn.enter() == .enter(isFirst: false))
    }

    @Test("an end that comes while a piece is in the filter is left to whoever brought that")
    func endInFilter() {
        for (end, takesPlace) in [(Self.failure, true), (Self.success, false)] {
            let turn = Turn()
            _ = turn.enter()
            #expect(!turn.end(end))
            #expect(turn.enter() == .closed)
            #expect(turn.filtered() == takesPlace)
            if !takesPlace { #expect(turn.handedOn()) }
            #expect(!turn.handedOn())
        }
    }

    @Test("an error overtakes a piece that waits for the client, the last piece does not")
    func endBehindFilter() {
        for (end, overtakes) in [(Self.failure, true), (Self.success, false)] {
            let turn = Turn()
            _ = turn.enter()
            _ = turn.filtered()
            #expect(turn.end(end) == overtakes)
            #expect(turn.handedOn() == !overtakes)
            #expect(turn.enter() == .closed)
        }
    }

    @Test("only the first end counts")
    func ends() {
        let turn = Turn()
        #expect(turn.end(Self.success))
        #expect(!turn.end(Self.failure))
        #expect(turn.isOver && turn.enter() == .closed)
    }

    @Test("in any order of events the filter has one user, and one end")
    func anyOrder() {
        var random = SeededGenerator(seed: 13)
        for _ in 0..<20_000 {
            let turn = Turn()
            var (inside, outside, ends) = (0, 0, 0)
            func ended(_ isNow: Bool) { if isNow { ends += 1 } }
            for _ in 0..<20 {
                switch Int.random(in: 0..<5, using: &random) {
                case 0:
                    if case .enter = turn.enter() {
                        inside += 1
                        #expect(ends == 0)
                    }
                case 1 where inside > 0:
                    inside -= 1
                    if turn.filtered() { ended(true) } else { outside += 1 }
                case 2 where outside > 0:
                    outside -= 1
                    ended(turn.handedOn())
                case 3: ended(turn.end(Self.success))
                case 4: ended(turn.end(Self.failure))
                default: break
                }
                // An end that is done now has the filter to itself.
                #expect(inside + outside <= 1 && ends <= 1 && (ends == 0 || inside == 0))
            }
            while inside + outside > 0 {
                if inside > 0 {
                    inside -= 1
                    if turn.filtered() { ended(true) } else { outside += 1 }
                } else {
                    outside -= 1
                    ended(turn.handedOn())
                }
            }
            #expect(ends == (turn.isOver ? 1 : 0))
        }
    }
}
