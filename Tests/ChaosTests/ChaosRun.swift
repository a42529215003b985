import Foundation
import NIOConcurrencyHelpers
import TestSupport

/// Threads of clients, each with one request after the other, and what was wrong with what came back.
final class ChaosRun: Sendable {
    private struct State {
        var running = 0
        var isOver = false
        var failures: [String] = []
        var responses: [Int: Int] = [:]
        var left = 0
        var cutOff = 0
    }

    private let port: Int
    private let seed: UInt64
    private let clients: Int
    private let state = NIOLockedValueBox(State())

    init(port: Int, seed: UInt64, clients: Int) {
        self.port = port
        self.seed = seed
        self.clients = clients
    }

    var failures: [String] { state.withLockedValue { $0.failures } }
    var hasEnded: Bool { state.withLockedValue { $0.running == 0 } }

    var summary: String {
        state.withLockedValue { state in
            let statuses = state.responses.sorted { $0.key < $1.key }.map {
                "\($0.value) x \($0.key)"
            }
            return
                "\(statuses.joined(separator: ", ")); \(state.left) left, \(state.cutOff) cut off as they may be"
        }
    }

    func start() {
        for number in 0..<clients {
            state.withLockedValue { $0.running += 1 }
            let thread = Thread { [self] in
                var generator = SplitMix64(seed: seed &+ UInt64(number) &* 7919)
                while !isOver { call(using: &generator) }
                state.withLockedValue { $0.running -= 1 }
            }
            thread.start()
        }
    }

    func end() {
        state.withLockedValue { $0.isOver = true }
    }

    private var isOver: Bool { state.withLockedValue { $0.isOver } }

    private func call(using generator: inout SplitMix64) {
        let kind = ChaosRequest.Kind.allCases.randomElement(using: &generator)!
        let request = ChaosRequest.draw(
            kind, Int.random(in: 0..<1_000_000, using: &generator), using: &generator)
        let departure = departure(from: request, using: &generator)
        guard let client = ChaosClient(port: port) else {
            return fail("\(request.name): no connection")
        }
        let outcome = client.run(
            request.bytes, departure: departure,
            resets: departure != .stays && Bool.random(using: &generator),
            isHead: request.isHead,
            pieceSize: [1 << 20, 1 << 20, 1 << 20, 97].randomElement(using: &generator)!)
        judge(outcome, of: request, departure)
    }

    private func departure(
        from request: ChaosRequest, using generator: inout SplitMix64
    ) -> ChaosClient.Departure {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: .inRequest(after: Int.random(in: 0...request.bytes.count, using: &generator))
        case 1: .inRequest(after: request.bytes.count)
        case 2: .inResponse(after: Int.random(in: 0...300, using: &generator))
        case 3: .inResponse(after: Int.random(in: 0...200_000, using: &generator))
        case 4: .halfCloses
        default: .stays
        }
    }

    private func judge(
        _ outcome: ChaosClient.Outcome, of request: ChaosRequest, _ departure: ChaosClient.Departure
    ) {
        switch outcome {
        case .left: state.withLockedValue { $0.left += 1 }
        case .response(let response):
            state.withLockedValue { $0.responses[response.status, default: 0] += 1 }
            if response.status == 200 {
                if let body = request.body, response.body != body {
                    fail(
                        "\(request.name): 200 with \(response.body.count) bytes, not \(body.count)")
                }
            } else if !request.allowed.contains(response.status) {
                fail(
                    "\(request.name): \(response.status) \(String(decoding: response.body, as: UTF8.self))"
                )
            }
        case .cutOff(let received):
            // A client that says that it sends no more has gone for the host.
            if request.mayBreakOff || departure != .stays {
                state.withLockedValue { $0.cutOff += 1 }
            } else {
                fail("\(request.name): cut off after \(received) bytes")
            }
        case .silence(let received): fail("\(request.name): silence after \(received) bytes")
        case .noConnection: fail("\(request.name): no connection")
        }
    }

    private func fail(_ failure: String) {
        state.withLockedValue { if $0.failures.count < 20 { $0.failures.append(failure) } }
    }
}
