/// Durations as people write them: a number and a unit, `250us`, `2ms`, `10s`, `1.5m`, `1h`.
package enum DurationText {
    private static let units: [(suffix: String, nanoseconds: Double)] = [
        ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3_600e9),
    ]

    /// - Returns: nil when the text is no duration: no unit, no number, negative, or over a year.
    package static func parse(_ text: String) -> Duration? {
        guard
            let unit = units.first(where: { text.hasSuffix($0.suffix) && isNumber(text, $0.suffix) }
            )
        else { return nil }
        let digits = text.dropLast(unit.suffix.count)
        // Double reads more than people write here: hexadecimal, exponents, infinity.
        guard digits.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }),
            let number = Double(digits)
        else { return nil }
        let nanoseconds = number * unit.nanoseconds
        guard nanoseconds <= 365 * 24 * 3_600e9 else { return nil }
        // 4.1 times a million is a little less than 4100000.
        return .nanoseconds(Int64(nanoseconds.rounded()))
    }

    /// The shortest text that ``parse(_:)`` reads back, such as `2ms`.
    package static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
        let unit = units.last {
            nanoseconds >= $0.nanoseconds && $0.suffix != "m" && $0.suffix != "h"
        }
        guard let unit else { return nanoseconds > 0 ? "\(nanoseconds / 1e3)us" : "0s" }
        let number = nanoseconds / unit.nanoseconds
        return number == number.rounded()
            ? "\(Int(number))\(unit.suffix)" : "\(number)\(unit.suffix)"
    }

    /// Whether what stands before the suffix is a number: `2ms` is not 2m seconds.
    private static func isNumber(_ text: String, _ suffix: String) -> Bool {
        text.dropLast(suffix.count).utf8.last.map(isDigit) ?? false
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
