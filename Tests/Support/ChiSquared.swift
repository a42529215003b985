/// Pearson's test of whether counts match the shares that they should have.
package enum ChiSquared {
    /// What the statistic exceeds in one of 1,000 samples that do match, for 1, 2, ... degrees of freedom.
    private static let critical = [
        10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877,
    ]

    /// - Parameters:
    ///   - counts: how often each case came.
    ///   - shares: how often it should have; they sum to 1. A case with none must not have come.
    /// - Returns: whether the counts match at the level 0.001.
    package static func matches(_ counts: [Int], _ shares: [Double]) -> Bool {
        let total = Double(counts.reduce(0, +))
        var statistic = 0.0
        var cases = 0
        for (count, share) in zip(counts, shares) {
            guard share > 0 else {
                if count > 0 { return false }
                continue
            }
            let difference = Double(count) - total * share
            statistic += difference * difference / (total * share)
            cases += 1
        }
        return cases < 2 || statistic <= critical[cases - 2]
    }
}
