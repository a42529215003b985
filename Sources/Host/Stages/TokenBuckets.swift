/// A bucket for each key, of as many keys as there is room for.
///
/// Two tables take turns: what is used is in the young one, or is moved there. When that has half of the keys, or a
/// time has passed in which any bucket fills, the old one is thrown away as a whole. A bucket that nobody used for that
/// time is full, and nothing is lost with it. Only with more keys than there is room for in that time, those that were
/// used least recently start anew.
package struct TokenBuckets<Key: Hashable & Sendable>: Sendable {
    private let rate: TokenBucket.Rate
    private let room: Int
    private var young: [Key: TokenBucket] = [:]
    private var old: [Key: TokenBucket] = [:]
    private var turned: Int64

    /// - Parameter maxKeys: how many buckets there may be.
    package init(_ rate: TokenBucket.Rate, maxKeys: Int, at now: Int64) {
        self.rate = rate
        room = max(1, maxKeys / 2)
        turned = now
    }

    package var count: Int { young.count + old.count }

    /// - Returns: what came of it, and buckets to be thrown away, for whoever holds a lock meanwhile to do it later.
    package mutating func take(
        _ key: Key, at now: Int64
    ) -> (TokenBucket.Outcome, spent: [Key: TokenBucket]) {
        let spent = turn(at: now)
        if let index = young.index(forKey: key) {
            return (young.values[index].take(rate, at: now), spent)
        }
        var bucket = old.removeValue(forKey: key) ?? TokenBucket(rate, at: now)
        let outcome = bucket.take(rate, at: now)
        young[key] = bucket
        return (outcome, spent)
    }

    private mutating func turn(at now: Int64) -> [Key: TokenBucket] {
        guard young.count >= room || now - turned >= rate.timeToFill else { return [:] }
        defer {
            old = young
            young = [:]
            turned = now
        }
        return old
    }
}
