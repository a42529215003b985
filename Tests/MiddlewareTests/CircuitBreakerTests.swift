import HostStages
import NIOCore
import TestSupport
import Testing

/// The state machine, with a clock of its own.
@Suite struct CircuitBreakerTests {
    private struct Refused: Error {}

    private final class Circuit {
        var breaker: CircuitBreaker
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

        init(_ change: (inout CircuitBreaker.Settings) -> Void) {
            var settings = CircuitBreaker.Settings()
            change(&settings)
            breaker = CircuitBreaker(settings)
        }

        func admit() -> CircuitBreaker.Ticket? {
            guard case .go(let ticket) = breaker.admit(at: now) else { return nil }
            return ticket
        }

        func probe() throws -> CircuitBreaker.Ticket {
            guard let ticket = admit() else { throw Refused() }
            return ticket
        }

        func wait() -> TimeAmount? {
            guard case .refused(let wait) = breaker.admit(at: now) else { return nil }
            return wait
        }

        /// A call from its beginning to its end.
        @discardableResult
        func call(_ outcome: CircuitBreaker.Outcome) throws -> CircuitBreaker.Change? {
            breaker.record(outcome, try probe(), at: now)
        }
    }

    @Test("so many failures in a row open it, and a success begins a new row")
    func inARow() throws {
        let circuit = Circuit { $0.failures = 3 }
        for _ in 0..<2 {
            #expect(try circuit.call(.failure) == nil)
            #expect(try circuit.call(.failure) == nil)
            #expect(try circuit.call(.neither) == nil)
            #expect(try circuit.call(.success) == nil)
        }
        try circuit.call(.failure)
        try circuit.call(.neither)
        try circuit.call(.failure)
        #expect(try circuit.call(.failure) == .opened)
        #expect(circuit.wait() == .seconds(10))
        circuit.now = circuit.now + .seconds(10) - .nanoseconds(1)
        #expect(circuit.wait() == .nanoseconds(1))
    }

    @Test("after its time one call tries; if it succeeds the circuit closes")
    func recovery() throws {
        let circuit = Circuit { $0.failures = 1 }
        #expect(try circuit.call(.failure) == .opened)
        circuit.now = circuit.now + .seconds(10)
        let probe = try circuit.probe()
        #expect(circuit.wait() == .seconds(1))
        #expect(circuit.breaker.record(.success, probe, at: circuit.now) == .closed)
        #expect(try circuit.call(.success) == nil)
    }

    @Test("if it fails the circuit is open for as long again")
    func relapse() throws {
        let circuit = Circuit { $0.failures = 1 }
        try circuit.call(.failure)
        circuit.now = circuit.now + .seconds(10)
        #expect(try circuit.call(.failure) == .opened)
        #expect(circuit.wait() == .seconds(10))
    }

    @Test("one that says nothing makes room for another one")
    func probeWithoutOutcome() throws {
        let circuit = Circuit { $0.failures = 1 }
        try circuit.call(.failure)
        circuit.now = circuit.now + .seconds(10)
        #expect(try circuit.call(.neither) == nil)
        #expect(try circuit.call(.success) == .closed)
    }

    @Test("of several that try, all must succeed, and no more than these are let through")
    func severalProbes() throws {
        let circuit = Circuit {
            $0.failures = 1
            $0.probes = 3
        }
        try circuit.call(.failure)
        circuit.now = circuit.now + .seconds(10)
        let probes = try (0..<3).map { _ in try circuit.probe() }
        #expect(circuit.wait() != nil)
        #expect(circuit.breaker.record(.success, probes[0], at: circuit.now) == nil)
        #expect(circuit.wait() != nil)
        #expect(circuit.breaker.record(.success, probes[1], at: circuit.now) == nil)
        #expect(circuit.breaker.record(.success, probes[2], at: circuit.now) == .closed)
    }

    @Test("what ends late says nothing of what is now")
    func lateOutcomes() throws {
        let circuit = Circuit { $0.failures = 1 }
        let late = try (0..<3).map { _ in try circuit.probe() }
        try circuit.call(.failure)
        #expect(circuit.breaker.record(.success, late[0], at: circuit.now) == nil)
        #expect(circuit.wait() != nil)
        circuit.now = circuit.now + .seconds(10)
        let probe = try circuit.probe()
        #expect(circuit.breaker.record(.success, late[1], at: circuit.now) == nil)
        #expect(circuit.wait() != nil)
        #expect(circuit.breaker.record(.success, probe, at: circuit.now) == .closed)
        #expect(circuit.breaker.record(.failure, late[2], at: circuit.now) == nil)
        #expect(circuit.admit() != nil)
    }

    @Test("a share of failures opens it, once there are enough calls")
    func rate() throws {
        let circuit = Circuit {
            $0.rate = 0.5
            $0.minCalls = 10
        }
        for _ in 0..<5 { try circuit.call(.success) }
        for _ in 0..<4 { #expect(try circuit.call(.failure) == nil) }
        #expect(try circuit.call(.failure) == .opened)

        let few = Circuit {
            $0.rate = 0.5
            $0.minCalls = 10
        }
        for _ in 0..<9 { #expect(try few.call(.failure) == nil) }
        #expect(try few.call(.failure) == .opened)
    }

    @Test("what has left the window no longer counts")
    func window() throws {
        let circuit = Circuit {
            $0.rate = 0.5
            $0.minCalls = 10
            $0.window = .seconds(10)
        }
        for _ in 0..<9 { try circuit.call(.failure) }
        circuit.now = circuit.now + .seconds(11)
        #expect(try circuit.call(.failure) == nil)
        for _ in 0..<8 { #expect(try circuit.call(.failure) == nil) }
        #expect(try circuit.call(.failure) == .opened)
    }

    @Test("both together: whichever comes first")
    func both() throws {
        let circuit = Circuit {
            $0.failures = 3
            $0.rate = 0.9
            $0.minCalls = 100
        }
        try circuit.call(.failure)
        try circuit.call(.failure)
        #expect(try circuit.call(.failure) == .opened)
    }

    @Test(
        "whatever happens, it is open only after failures, and never for ever", arguments: 0..<100)
    func property(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let circuit = Circuit {
            $0.failures = Int.random(in: 1...4, using: &random)
            $0.rate = Bool.random(using: &random) ? 0.5 : nil
            $0.minCalls = 5
            $0.probes = Int.random(in: 1...3, using: &random)
            $0.window = .seconds(5)
        }
        var open: [CircuitBreaker.Ticket] = []
        var changes: [CircuitBreaker.Change] = []
        for _ in 0..<500 {
            circuit.now = circuit.now + .milliseconds(.random(in: 0...1000, using: &random))
            if Bool.random(using: &random), let ticket = circuit.admit() { open.append(ticket) }
            if let index = open.indices.randomElement(using: &random) {
                let outcome: CircuitBreaker.Outcome =
                    [.success, .failure, .neither].randomElement(using: &random)!
                let change = circuit.breaker.record(
                    outcome, open.remove(at: index), at: circuit.now)
                #expect(change == nil || (change == .opened) == (outcome == .failure))
                if let change { changes.append(change) }
            }
        }
        #expect(changes.first != .closed)
        // Whoever has ended all calls gets it closed again.
        for ticket in open { _ = circuit.breaker.record(.neither, ticket, at: circuit.now) }
        circuit.now = circuit.now + .seconds(10)
        for _ in 0..<4 { try circuit.call(.success) }
        #expect(circuit.admit() != nil)
    }
}
