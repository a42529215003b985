import HostCore
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

@Suite struct TrafficPolicyTests {
    private static let names = (0..<10).map { "v\($0)" }
    private static let keys = (0..<10_000).map { "key-\($0)" }
    private static let weights: [[Double]] = [
        [1], [0.5, 0.5], [0.9, 0.1], [0.1, 0.9], [0.99, 0.01], [0.2, 0.3, 0.5], [0, 0.25, 0.75],
        [0.7, 0, 0.2, 0.1], [0, 1], Array(repeating: 0.1, count: 10),
    ]

    /// Weights for backends in the order of their names.
    private static func policy(
        _ weights: [Double], shadows: [String: Double] = [:]
    ) throws -> TrafficPolicy {
        try TrafficPolicy(
            weights: Dictionary(uniqueKeysWithValues: zip(names, weights)), shadows: shadows)
    }

    private static func backend(
        _ policy: TrafficPolicy, _ key: String = "",
        using generator: inout some RandomNumberGenerator
    ) -> String {
        policy.targets[policy.draw(shardKey: key, using: &generator).backend]
    }

    /// The backend of each key.
    private static func backends(_ policy: TrafficPolicy) -> [String: String] {
        var untouched = UntouchedGenerator()
        return Dictionary(
            uniqueKeysWithValues: keys.map { ($0, backend(policy, $0, using: &untouched)) })
    }

    // MARK: Shares

    @Test("10,000 random draws match the weights", arguments: weights, [1, 2, 3] as [UInt64])
    func random(weights: [Double], seed: UInt64) throws {
        let policy = try Self.policy(weights)
        var generator = SeededGenerator(seed: seed)
        var counts: [String: Int] = [:]
        for _ in 0..<10_000 { counts[Self.backend(policy, using: &generator), default: 0] += 1 }
        #expect(ChiSquared.matches(Self.names.map { counts[$0] ?? 0 }, weights), "\(counts)")
    }

    @Test("10,000 shard keys match the weights", arguments: weights)
    func keys(weights: [Double]) throws {
        let backends = Self.backends(try Self.policy(weights))
        let counts = Self.names.map { name in backends.values.count { $0 == name } }
        #expect(ChiSquared.matches(counts, weights), "\(counts)")
    }

    @Test("a shadow gets its share of each backend's calls", arguments: [true, false])
    func shadows(hasKeys: Bool) throws {
        let policy = try Self.policy([0.6, 0.4], shadows: ["v0": 0.3, "dark": 0.1])
        #expect(policy.shadowTargets == ["dark", "v0"])
        var generator = SeededGenerator(seed: 4)
        var counts = Array(repeating: 0, count: 8)
        for key in Self.keys {
            let draw = policy.draw(shardKey: hasKeys ? key : "", using: &generator)
            counts[draw.backend * 4 + draw.shadows.reduce(0) { $0 + 1 << $1 }] += 1
        }
        let shares = [0.6, 0.4].flatMap { weight in
            [0.9 * 0.7, 0.1 * 0.7, 0.9 * 0.3, 0.1 * 0.3].map { weight * $0 }
        }
        #expect(ChiSquared.matches(counts, shares), "\(counts)")
    }

    @Test("a shadow with the share 1 gets every call, one with 0 is none")
    func wholeShadow() throws {
        let policy = try Self.policy([1], shadows: ["all": 1, "none": 0])
        #expect(policy.shadows == ["all": 1])
        #expect(policy.shadowTargets == ["all"])
        var generator = SeededGenerator(seed: 5)
        for key in Self.keys {
            #expect(policy.draw(shardKey: key, using: &generator).shadows == [0])
            #expect(policy.draw(shardKey: "", using: &generator).shadows == [0])
        }
    }

    // MARK: What a draw costs

    @Test("one backend without shadows is no draw", arguments: ["", "key"])
    func plain(key: String) throws {
        var untouched = UntouchedGenerator()
        for policy in [TrafficPolicy(backend: "v0"), try Self.policy([0, 1, 0])] {
            #expect(policy.isPlain)
            #expect(
                policy.draw(shardKey: key, using: &untouched)
                    == TrafficPolicy.Draw(backend: 0, shadows: []))
        }
        #expect(try !Self.policy([0.5, 0.5]).isPlain)
        #expect(try !Self.policy([1], shadows: ["dark": 0.1]).isPlain)
    }

    // MARK: Keys

    // Made by a program in another language that has the rule from the type's comment.
    @Test(
        "a key has the same backend and shadows on every machine",
        arguments: [
            ("a", "v1", [0]),
            ("ann", "v3", []),
            ("bob", "v1", []),
            ("carol", "v1", []),
            ("key-1", "v1", []),
            ("key-2", "v3", []),
            ("key-3", "v3", []),
            ("\u{E9}", "v2", []),
            ("user 17", "v1", []),
            ("00000000-0000-0000-0000-000000000000", "v2", []),
        ] as [(String, String, [Int])])
    func everywhere(key: String, backend: String, shadows: [Int]) throws {
        let policy = try TrafficPolicy(
            weights: ["v3": 0.2, "v1": 0.5, "v2": 0.3], shadows: ["dark": 0.25])
        var untouched = UntouchedGenerator()
        let draw = policy.draw(shardKey: key, using: &untouched)
        #expect(policy.targets[draw.backend] == backend)
        #expect(draw.shadows == shadows)
    }

    @Test("a new backend takes its share of the keys, and moves no others", arguments: ["a", "z"])
    func newBackend(name: String) throws {
        let before = Self.backends(try Self.policy([0.5, 0.3, 0.2]))
        let after = Self.backends(
            try TrafficPolicy(weights: ["v0": 0.45, "v1": 0.27, "v2": 0.18, name: 0.1]))
        let moved = Self.keys.filter { before[$0] != after[$0] }
        #expect(moved.allSatisfy { after[$0] == name })
        #expect(ChiSquared.matches([moved.count, Self.keys.count - moved.count], [0.1, 0.9]))
    }

    @Test("keys of a backend that goes are spread over the others, which keep theirs")
    func goneBackend() throws {
        let before = Self.backends(try Self.policy([0.4, 0.2, 0.4]))
        let after = Self.backends(try Self.policy([0.5, 0, 0.5]))
        let moved = Self.keys.filter { before[$0] != after[$0] }
        #expect(moved.allSatisfy { before[$0] == "v1" })
        let heirs = ["v0", "v2"].map { heir in moved.count { after[$0] == heir } }
        #expect(ChiSquared.matches(heirs, [0.5, 0.5]), "\(heirs)")
    }

    @Test("step by step, a canary takes as many keys as its weight grows, and gives none back")
    func canary() throws {
        let steps = [0, 0.1, 0.25, 0.5, 1]
        for (less, more) in zip(steps, steps.dropFirst()) {
            let before = Self.backends(try Self.policy([1 - less, less]))
            let after = Self.backends(try Self.policy([1 - more, more]))
            let moved = Self.keys.filter { before[$0] != after[$0] }
            #expect(moved.allSatisfy { after[$0] == "v1" })
            let share = more - less
            #expect(
                ChiSquared.matches(
                    [moved.count, Self.keys.count - moved.count], [share, 1 - share]))
        }
    }

    @Test("a key moves only to a backend that has gained on the one it leaves")
    func gains() throws {
        let (old, new) = ([0.5, 0.3, 0.2], [0.2, 0.3, 0.5])
        let before = Self.backends(try Self.policy(old))
        let after = Self.backends(try Self.policy(new))
        let moves = Set(
            Self.keys.filter { before[$0] != after[$0] }.map { [before[$0]!, after[$0]!] })
        #expect(moves == [["v0", "v1"], ["v0", "v2"], ["v1", "v2"]])
        // 0.3 at the least: what v2 gains.
        let moved = Self.keys.count { before[$0] != after[$0] }
        #expect((3_000..<4_500).contains(moved), "\(moved)")
    }

    @Test("a shadow with a larger share keeps the keys it had")
    func growingShadow() throws {
        let small = try Self.policy([1], shadows: ["dark": 0.2])
        let large = try Self.policy([1], shadows: ["dark": 0.4])
        var untouched = UntouchedGenerator()
        for key in Self.keys where !small.draw(shardKey: key, using: &untouched).shadows.isEmpty {
            #expect(large.draw(shardKey: key, using: &untouched).shadows == [0])
        }
    }

    // MARK: What is no policy

    @Test(
        "weights that are none are refused, and the message says why",
        arguments: [
            ([:], "sum to 0"), (["v0": 0.5], "sum to 0.5"),
            (["v0": 0.5, "v1": 0.6], "sum to 1.1"),
            (["v0": 1.5, "v1": -0.5], "weight of v1 is -0.5"), (["v0": .nan], "weight of v0"),
            (["v0": .infinity], "weight of v0"), (["v0": 1 + 1e-7], "must sum to 1"),
            (["v0": 0], "sum to 0.0"),
        ] as [([String: Double], String)])
    func badWeights(weights: [String: Double], message: String) throws {
        let error = #expect(throws: ControlError.self) { try TrafficPolicy(weights: weights) }
        #expect(error?.code == (message.contains("sum") ? .contradiction : .invalid))
        #expect(error?.message.contains(message) ?? false, "\(error?.message ?? "")")
    }

    @Test("weights may miss 1 by a rounding error")
    func roundedWeights() throws {
        #expect(try Self.policy(Array(repeating: 0.1, count: 10)).targets.count == 10)
        #expect(throws: Never.self) { try TrafficPolicy(weights: ["v0": 1 - 9e-9]) }
    }

    @Test("a share that is none is refused", arguments: [-0.1, 1.1, .nan, .infinity])
    func badShare(share: Double) throws {
        let error = #expect(throws: ControlError.self) {
            try TrafficPolicy(weights: ["v0": 1], shadows: ["dark": share])
        }
        #expect(error?.code == .invalid)
        #expect(error?.message.contains("share of dark in the shadow traffic is \(share)") ?? false)
    }
}

/// Nobody may ask it.
private struct UntouchedGenerator: RandomNumberGenerator {
    mutating func next() -> UInt64 {
        Issue.record("a random number was drawn")
        return 0
    }
}
