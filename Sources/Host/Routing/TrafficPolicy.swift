internal import Crypto
package import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// How an endpoint's calls are spread over backends: weights for those that answer, shares for shadows, which get a
/// copy of a call. Pure.
///
/// One number decides everything about a call, its seed: drawn at random, or for a call with a shard key the first
/// eight bytes of the key's SHA-256. So a key keeps its backend, and its shadows, in every process and on every
/// machine, as long as the policy doesn't change.
///
/// Source: Ray Serve 1.2, `deterministic_hash` and `RandomEndpointPolicy` in `endpoint_policy.py`. It seeds Python's
/// generator with the SHA-256, and compares one number from that with the sums of the weights and with each shadow's
/// share. Here each backend has a number of its own, from the seed and its tag, for two reasons:
///
/// - The backend is chosen by weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted distributed hash
///   tables", 2005): each backend waits for a time drawn from the exponential distribution with its weight as the rate,
///   and the first one wins. When weights change, a key moves only to a backend that has gained weight against the one
///   that it leaves. A new backend with the weight 0.1 takes a tenth of the keys and moves no others; with sums of
///   weights, every boundary behind it would move.
/// - A shadow sees a sample of all calls. With one number for everything, a shadow with a share of 0.1 would see calls
///   of the first backend alone.
package struct TrafficPolicy: Sendable, Equatable {
    /// How far from 1 the weights may sum, as in Ray Serve: 0.1 + 0.2 + 0.7 is not 1 in binary.
    package static let tolerance = 1e-8

    /// By the backends' tags; they sum to 1. One with the weight 0 gets no calls.
    package let weights: [String: Double]
    /// By the backends' tags, over 0, at most 1.
    package let shadows: [String: Double]
    private let answering: [Candidate]
    private let shadowing: [Candidate]

    private struct Candidate: Equatable {
        let tag: String
        /// A weight or a share.
        let part: Double
        /// What makes the backend's number of a seed differ from that of others.
        let salt: UInt64
    }

    /// What happens to one call.
    struct Draw: Equatable {
        /// An index of ``TrafficPolicy/targets``.
        var backend: Int
        /// Indices of ``TrafficPolicy/shadowTargets``.
        var shadows: [Int]
    }

    /// - Parameters:
    ///   - weights: by the backends' tags: 0 or more each, and 1 in all, to ``tolerance``.
    ///   - shadows: by the backends' tags: the share of calls that each gets a copy of, from 0, which is none, to 1.
    /// - Throws: ``ControlError`` that says which rule they break.
    package init(
        weights: [String: Double], shadows: [String: Double] = [:]
    ) throws(ControlError) {
        for (tag, weight) in weights.sorted(by: { $0.key < $1.key }) {
            guard weight.isFinite, weight >= 0 else {
                throw ControlError(
                    .invalid, "the weight of \(tag) is \(weight): it must be a number, 0 or more")
            }
        }
        // In order, so that the same weights have the same sum each time.
        let sum = weights.values.sorted().reduce(0, +)
        guard abs(sum - 1) <= Self.tolerance else {
            throw ControlError(.contradiction, "the weights sum to \(sum): they must sum to 1")
        }
        for (tag, share) in shadows.sorted(by: { $0.key < $1.key }) {
            try Self.checkShare(share, of: tag)
        }
        self.init(checkedWeights: weights, shadows: shadows.filter { $0.value > 0 })
    }

    /// All calls to one backend.
    package init(backend tag: String) {
        self.init(checkedWeights: [tag: 1], shadows: [:])
    }

    private init(checkedWeights weights: [String: Double], shadows: [String: Double]) {
        self.weights = weights
        self.shadows = shadows
        answering = Self.candidates(weights) { $0.first }
        shadowing = Self.candidates(shadows) { $0.second }
    }

    private static func candidates(
        _ parts: [String: Double], salt: ((first: UInt64, second: UInt64)) -> UInt64
    ) -> [Candidate] {
        parts.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            .map { Candidate(tag: $0.key, part: $0.value, salt: salt(hash(of: $0.key))) }
    }

    /// - Throws: ``ControlError`` when a shadow's share is not from 0 to 1.
    package static func checkShare(_ share: Double, of tag: String) throws(ControlError) {
        guard share >= 0, share <= 1 else {
            throw ControlError(
                .invalid,
                "the share of \(tag) in the shadow traffic is \(share): it must be a number from 0 to 1"
            )
        }
    }

    // MARK: Drawing

    /// The tags of the backends that answer calls.
    var targets: [String] { answering.map(\.tag) }

    /// The tags of the backends that get copies.
    var shadowTargets: [String] { shadowing.map(\.tag) }

    /// Whether all calls go to one backend and nowhere else: then there is nothing to draw.
    var isPlain: Bool { answering.count == 1 && shadowing.isEmpty }

    /// Decides about one call.
    ///
    /// - Parameters:
    ///   - shardKey: empty: none.
    ///   - generator: asked for one number if there is no key.
    func draw(
        shardKey: String, using generator: inout some RandomNumberGenerator
    ) -> Draw {
        if isPlain { return Draw(backend: 0, shadows: []) }
        let seed = shardKey.isEmpty ? generator.next() : Self.hash(of: shardKey).first
        return Draw(backend: backend(seed), shadows: shadows(seed))
    }

    private func backend(_ seed: UInt64) -> Int {
        guard answering.count > 1 else { return 0 }
        var first = 0
        var shortest = Double.infinity
        for (index, candidate) in answering.enumerated() {
            // The inverse of the exponential distribution.
            let wait = -log1p(-Self.number(seed, candidate.salt)) / candidate.part
            if wait < shortest { (first, shortest) = (index, wait) }
        }
        return first
    }

    private func shadows(_ seed: UInt64) -> [Int] {
        shadowing.indices.filter { Self.number(seed, shadowing[$0].salt) < shadowing[$0].part }
    }

    /// A number from 0 up to 1, evenly distributed over seeds, and over salts.
    ///
    /// Source: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014), and the upper 53 bits of it.
    private static func number(_ seed: UInt64, _ salt: UInt64) -> Double {
        var bits = seed ^ salt
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        bits ^= bits >> 31
        return Double(bits >> 11) * 0x1p-53
    }

    /// The first and the second eight bytes of a text's SHA-256, little-endian as in Ray Serve.
    private static func hash(of text: String) -> (first: UInt64, second: UInt64) {
        unsafe SHA256.hash(data: Array(text.utf8)).withUnsafeBytes { digest in
            unsafe (
                UInt64(littleEndian: digest.loadUnaligned(as: UInt64.self)),
                UInt64(littleEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
