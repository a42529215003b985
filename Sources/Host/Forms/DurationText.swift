/// Durations as people write them: a number and a unit, `250us`, `2ms`, `10s`, `1.5m`, `1h`.
package enum DurationText {
    /// What ``parse(_:)`` reads, as a regular expression of JSON Schema; the last month or so of the year aside.
    package static let pattern: String = {
        let wholes = [
            "([0-9]{1,13}|[12][0-9]{13})us", "([0-9]{1,10}|[12][0-9]{10})ms",
            "([0-9]{1,7}|[12][0-9]{7})s", "([0-9]{1,5}|[1-4][0-9]{5})m",
            "([0-9]{1,3}|[1-7][0-9]{3})h",
        ].map { $0.replacing(")", with: #")(\.[0-9]+)?"#) }
        return #"^(\.[0-9]+(us|ms|s|m|h)|0*("# + wholes.joined(separator: "|") + "))$"
    }()

    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    private static let longest: Int64 = 365 * 24 * 3_600_000_000_000

    /// - Returns: nil when the text is no duration: no unit, no number, negative, or over a year. What is finer than a
    ///   nanosecond is left out.
    package static func parse(_ text: String) -> Duration? {
        guard
            let unit = units.first(where: { unit in
                text.hasSuffix(unit.suffix)
                    && text.dropLast(unit.suffix.count).utf8.last.map(isDigit) ?? false
            })
        else { return nil }
        let parts = text.dropLast(unit.suffix.count)
            .split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ $0.utf8.allSatisfy(isDigit) }),
            let whole = parts[0].isEmpty ? 0 : Int64(parts[0]), whole <= longest
        else { return nil }
        var (nanoseconds, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
        guard !overflow, nanoseconds <= longest else { return nil }
        // The value of a digit shrinks, down to nothing.
        var place = unit.nanoseconds
        for digit in parts.dropFirst().joined().utf8 where place > 0 {
            nanoseconds += Int64(digit - UInt8(ascii: "0")) * place / 10
            place /= 10
        }
        return nanoseconds <= longest ? .nanoseconds(nanoseconds) : nil
    }

    /// The shortest text that ``parse(_:)`` reads back, such as `2ms`; exact to the nanosecond.
    package static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        guard nanoseconds > 0 else {
            return nanoseconds == 0 ? "0s" : "-\(format(.zero - duration))"
        }
        let unit = units.prefix(3).last { nanoseconds >= $0.nanoseconds } ?? units[0]
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit.nanoseconds)
        guard rest > 0 else { return "\(whole)\(unit.suffix)" }
        // The unit's own digits, with the zeros that a number doesn't show in front.
        var fraction = String(String(unit.nanoseconds + rest).dropFirst())
        while fraction.last == "0" { fraction.removeLast() }
        return "\(whole).\(fraction)\(unit.suffix)"
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
