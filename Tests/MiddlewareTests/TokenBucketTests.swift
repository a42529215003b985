import HostStages
import TestSupport
import Testing

@Suite struct TokenBucketTests {
    private static let second: Int64 = 1_000_000_000

    @Test("tokens go one by one, and come back one by one")
    func oneByOne() throws {
        let rate = try #require(TokenBucket.Rate(tokens: 10, per: .seconds(1), burst: 3))
        var bucket = TokenBucket(rate, at: 0)
        let tenth = Self.second / 10
        #expect(bucket.take(rate, at: 0) == .taken(remaining: 2, full: tenth))
        #expect(bucket.take(rate, at: 0) == .taken(remaining: 1, full: 2 * tenth))
        #expect(bucket.take(rate, at: 0) == .taken(remaining: 0, full: 3 * tenth))
        #expect(bucket.take(rate, at: 0) == .empty(next: tenth, full: 3 * tenth))
        #expect(bucket.take(rate, at: tenth - 1) == .empty(next: 1, full: 2 * tenth + 1))
        #expect(bucket.take(rate, at: tenth) == .taken(remaining: 0, full: 3 * tenth))
        // Full again, and no fuller than that.
        #expect(bucket.take(rate, at: 100 * Self.second) == .taken(remaining: 2, full: tenth))
    }

    @Test("a clock that seems to go back gives nothing and takes nothing")
    func backwards() throws {
        let rate = try #require(TokenBucket.Rate(tokens: 1, per: .seconds(1), burst: 1))
        var bucket = TokenBucket(rate, at: 10 * Self.second)
        #expect(bucket.take(rate, at: 0) == .taken(remaining: 0, full: Self.second))
        #expect(
            bucket.take(rate, at: 9 * Self.second)
                == .empty(next: Self.second, full: Self.second))
        #expect(bucket.take(rate, at: 11 * Self.second) == .taken(remaining: 0, full: Self.second))
    }

    @Test("a third of a second is never lost, however often one looks")
    func exact() throws {
        let rate = try #require(TokenBucket.Rate(tokens: 3, per: .seconds(1), burst: 1))
        var bucket = TokenBucket(rate, at: 0)
        _ = bucket.take(rate, at: 0)
        var taken = 0
        // A step that is no multiple of anything, for a thousand seconds: 3,000 tokens, and no more.
        var now: Int64 = 0
        while now < 1000 * Self.second {
            now = min(now + 7_777_777, 1000 * Self.second)
            if case .taken = bucket.take(rate, at: now) { taken += 1 }
        }
        // With a burst of one, what comes while the bucket is full is lost: less than a step for each token.
        #expect(taken <= 3000)
        #expect(taken >= 3000 * 333_333_333 / (333_333_333 + 7_777_777))
    }

    @Test(
        "never more than the burst and what the time brings, and never less either",
        arguments: 0..<200)
    func property(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let tokens = Int.random(in: 1...1000, using: &random)
        let period = Int64.random(in: 1_000_000...3_600_000_000_000, using: &random)
        let burst = Int.random(in: 1...1000, using: &random)
        let rate = try #require(
            TokenBucket.Rate(tokens: tokens, per: .nanoseconds(period), burst: burst))
        var bucket = TokenBucket(rate, at: 0)
        // The model: exact fractions, of which the numerator is kept.
        var (level, now) = (Int128(burst) * Int128(period), Int64(0))
        var taken: Int128 = 0
        for _ in 0..<500 {
            let step = Int64.random(in: 0...2 * period / Int64(tokens), using: &random)
            now += step
            level = min(
                Int128(burst) * Int128(period), level + Int128(step) * Int128(tokens))
            let expected = level >= Int128(period)
            switch bucket.take(rate, at: now) {
            case .taken(let remaining, _):
                #expect(expected)
                level -= Int128(period)
                taken += 1
                #expect(Int128(remaining) == level / Int128(period))
            case .empty(let next, let full):
                #expect(!expected)
                // The first moment at which there is one.
                #expect(level + Int128(next) * Int128(tokens) >= Int128(period))
                #expect(level + Int128(next - 1) * Int128(tokens) < Int128(period))
                #expect(full >= next)
            }
            #expect(
                taken * Int128(period) <= Int128(burst) * Int128(period) + Int128(now)
                    * Int128(tokens))
        }
    }

    @Test("the largest numbers don't overflow")
    func large() throws {
        #expect(TokenBucket.Rate(tokens: 7, per: .seconds(365 * 86_400), burst: 1_000_000) == nil)
        #expect(TokenBucket.Rate(tokens: 0, per: .seconds(1), burst: 1) == nil)
        #expect(TokenBucket.Rate(tokens: 1, per: .zero, burst: 1) == nil)
        let rate = try #require(
            TokenBucket.Rate(tokens: 1_000_000, per: .milliseconds(1), burst: 1_000_000))
        var bucket = TokenBucket(rate, at: 0)
        _ = bucket.take(rate, at: 0)
        #expect(bucket.take(rate, at: .max) == .taken(remaining: 999_999, full: 1))
    }

    // MARK: Many keys

    @Test("each key has a bucket of its own")
    func keys() throws {
        let rate = try #require(TokenBucket.Rate(tokens: 1, per: .seconds(1), burst: 1))
        var buckets = TokenBuckets<Int>(rate, maxKeys: 100, at: 0)
        for key in 0..<50 {
            #expect(buckets.take(key, at: 0).0 == .taken(remaining: 0, full: Self.second))
        }
        for key in 0..<50 {
            #expect(
                buckets.take(key, at: 1).0 == .empty(next: Self.second - 1, full: Self.second - 1))
        }
    }

    @Test("however many keys come, no more are kept than may be")
    func bounded() throws {
        let rate = try #require(TokenBucket.Rate(tokens: 1, per: .seconds(3600), burst: 1))
        var buckets = TokenBuckets<Int>(rate, maxKeys: 100, at: 0)
        var spent = 0
        for key in 0..<10_000 {
            spent += buckets.take(key, at: Int64(key)).spent.count
            #expect(buckets.count <= 100)
        }
        #expect(spent + buckets.count == 10_000)
        // The last fifty are remembered whatever comes.
        for key in 9_950..<10_000 {
            guard case .empty = buckets.take(key, at: 10_000).0 else {
                Issue.record("\(key) was forgotten")
                continue
            }
        }
    }

    @Test("what is forgotten with time was full: nobody gains by it", arguments: 0..<20)
    func expiry(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rate = try #require(TokenBucket.Rate(tokens: 5, per: .seconds(1), burst: 10))
        var buckets = TokenBuckets<Int>(rate, maxKeys: 1000, at: 0)
        var model: [Int: TokenBucket] = [:]
        var now: Int64 = 0
        var forgotten = 0
        for _ in 0..<2000 {
            now += Int64.random(in: 0...Self.second / 10, using: &random)
            let key = Int.random(in: 0..<20, using: &random)
            let expected = model[key, default: TokenBucket(rate, at: now)].take(rate, at: now)
            let (outcome, spent) = buckets.take(key, at: now)
            #expect(outcome == expected)
            forgotten += spent.count
        }
        #expect(forgotten > 0)
    }
}
