/// Which name was probably meant by one that there is not.
package enum NearestName {
    /// - Returns: the nearest of those that are near enough: a third of the name may be wrong, and one letter always.
    package static func of(_ name: String, among names: some Sequence<String>) -> String? {
        several(name, among: names, count: 1).first
    }

    /// The end of a message that there is no such name: the one that was probably meant, or those that there are, or
    /// the first of many.
    package static func hint(for name: String, among names: some Collection<String>) -> String {
        if let nearest = of(name, among: names) { return "; did you mean \(nearest)?" }
        guard !names.isEmpty else { return "; there are none" }
        let shown = names.sorted().prefix(20)
        let rest = names.count - shown.count
        return "; there are: \(shown.joined(separator: ", "))"
            + (rest > 0 ? " and \(rest) more" : "")
    }

    /// - Returns: those that are near enough, the nearest first.
    package static func several(
        _ name: String, among names: some Sequence<String>, count: Int
    ) -> [String] {
        let written = Array(name.lowercased().unicodeScalars)
        // A long name is no slip of the finger, and comparing takes the product of both lengths.
        guard written.count <= 64 else { return [] }
        let limit = max(1, written.count / 3)
        let near = names.map {
            ($0, distance(written, Array($0.lowercased().unicodeScalars.prefix(65))))
        }
        .filter { $0.1 <= limit && $0.1 < written.count }
        .sorted { ($0.1, $0.0) < ($1.1, $1.0) }
        return near.prefix(count).map(\.0)
    }

    /// How many letters were added, left out, replaced, or swapped with the next.
    ///
    /// Source: optimal string alignment, the restricted Damerau-Levenshtein distance.
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    best = min(best, beforeLast[j - 1] + 1)
                }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
