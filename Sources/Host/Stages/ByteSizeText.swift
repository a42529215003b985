internal import HostForms

/// Sizes as people write them: a number of bytes, or one with a unit: `512`, `64KiB`, `1MiB`, `2GiB`.
enum ByteSizeText {
    /// What ``parse(_:)`` reads, as a regular expression of JSON Schema.
    static let pattern = "^[0-9]+(KiB|MiB|GiB)$"

    private static let units: [(suffix: String, bytes: Int)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]

    /// - Returns: nil when the text is no size with a unit, or one beyond all measure.
    static func parse(_ text: String) -> Int? {
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
        let digits = text.dropLast(unit.suffix.count)
        guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let number = Int(digits)
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }
}

extension ConfigurationForm where Value == Int {
    /// A number of bytes, with a unit or without.
    static func bytes(_ range: ClosedRange<Int>) -> ConfigurationForm {
        let number = count(range)
        let expected = "a number of bytes, such as 4096, 64KiB or 1MiB, up to \(range.upperBound)"
        return ConfigurationForm(
            schema: [
                "anyOf": [
                    .object(number.schema),
                    ["type": "string", "pattern": .string(ByteSizeText.pattern)],
                ]
            ],
            read: { (node, path) throws(ConfigurationError) in
                switch node.resolved {
                case .integer(let bytes) where range.contains(Int(bytes)): return Int(bytes)
                case .text(let text):
                    if let bytes = ByteSizeText.parse(text), range.contains(bytes) { return bytes }
                default: break
                }
                throw .wrongValue(node, path, expected)
            },
            write: number.write)
    }
}
