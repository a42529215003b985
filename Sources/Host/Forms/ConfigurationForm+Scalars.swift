extension ConfigurationForm where Value == Int {
    package static func count(_ range: ClosedRange<Int>) -> ConfigurationForm {
        ConfigurationForm(
            schema: [
                "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
                "maximum": .integer(Int64(range.upperBound)),
            ],
            read: { (node, path) throws(ConfigurationError) in
                guard case .integer(let number) = node.resolved, range.contains(Int(number)) else {
                    throw .wrongValue(
                        node, path,
                        "a whole number from \(range.lowerBound) to \(range.upperBound)")
                }
                return Int(number)
            },
            write: { ConfigurationNode(.integer(Int64($0))) })
    }
}

extension ConfigurationForm where Value == Int {
    /// Bytes, with a unit: `512MiB`.
    ///
    /// - Parameter least: in bytes.
    package static func size(least: Int) -> ConfigurationForm {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
        return ConfigurationForm(
            schema: ["type": "string", "pattern": "^[0-9]{1,7}(KiB|MiB|GiB)$"],
            read: { (node, path) throws(ConfigurationError) in
                let text: String? =
                    switch node.content {
                    case .text(let text), .plain(let text): text
                    default: nil
                    }
                let unit = units.first { text?.hasSuffix($0.0) == true }
                let digits = text?.dropLast(3) ?? ""
                guard let unit, digits.count <= 7,
                    digits.utf8.allSatisfy({ (48...57).contains($0) }),
                    let count = Int(digits), count << unit.1 >= least
                else {
                    throw .wrongValue(
                        node, path, "a size, \(least >> 20)MiB or more, such as 512MiB or 2GiB")
                }
                return count << unit.1
            },
            write: { bytes in
                let unit = units.last { bytes % (1 << $0.1) == 0 } ?? units[0]
                return ConfigurationNode(.text("\(bytes >> unit.1)\(unit.0)"))
            })
    }
}

extension ConfigurationForm where Value == Bool {
    package static var flag: ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "boolean"],
            read: { (node, path) throws(ConfigurationError) in
                guard case .bool(let value) = node.resolved else {
                    throw .wrongValue(node, path, "true or false")
                }
                return value
            },
            write: { ConfigurationNode(.bool($0)) })
    }
}

extension ConfigurationForm where Value == Double {
    /// Whole or not.
    ///
    /// - Parameter most: nil: there is no limit but the type's.
    package static func number(from least: Double, to most: Double? = nil) -> ConfigurationForm {
        var schema: [String: JSONValue] = ["type": "number", "minimum": .plain(least)]
        if let most { schema["maximum"] = .plain(most) }
        let from = JSONValue.plain(least).text
        let expected =
            most.map { "a number from \(from) to \(JSONValue.plain($0).text)" }
            ?? "a number, \(from) or more"
        return ConfigurationForm(
            schema: schema,
            read: { (node, path) throws(ConfigurationError) in
                let number: Double? =
                    switch node.resolved {
                    case .integer(let value): Double(value)
                    case .number(let value): value
                    default: nil
                    }
                guard let number, number >= least, number <= most ?? .greatestFiniteMagnitude
                else { throw .wrongValue(node, path, expected) }
                return number
            },
            write: { ConfigurationNode(json: .plain($0)) })
    }
}

extension ConfigurationForm where Value == ConfiguredTime {
    /// - Parameters:
    ///   - least: the shortest one that may be.
    ///   - mayBeNone: whether there may be no limit.
    package static func time(
        least: Duration = .zero, mayBeNone: Bool = false
    ) -> ConfigurationForm {
        var forms: [JSONValue] = [
            .object(["type": "string", "pattern": .string(DurationText.pattern)])
        ]
        if least <= .zero { forms.append(["type": "integer", "const": 0]) }
        if mayBeNone { forms.append(["const": "none"]) }
        let alternative = mayBeNone ? ", or none" : ""
        let expected = "a duration with a unit, such as 2ms or 10s\(alternative)"
        return ConfigurationForm(
            schema: ["anyOf": .array(forms)],
            read: { (node, path) throws(ConfigurationError) in
                let duration: Duration
                switch node.resolved {
                case .text("none") where mayBeNone: return ConfiguredTime(nil)
                // A bare 0 needs no unit.
                case .integer(0): duration = .zero
                case .text(let text):
                    guard let parsed = DurationText.parse(text) else {
                        throw .wrongValue(node, path, expected)
                    }
                    duration = parsed
                default: throw .wrongValue(node, path, expected)
                }
                guard duration >= least else {
                    throw .wrongValue(
                        node, path, "\(DurationText.format(least)) at least\(alternative)")
                }
                return ConfiguredTime(duration)
            },
            write: { time in
                ConfigurationNode(.text(time.duration.map(DurationText.format) ?? "none"))
            })
    }
}

extension ConfigurationForm where Value == JSONValue {
    /// Anything that JSON has.
    package static var json: ConfigurationForm {
        ConfigurationForm(
            schema: [:],
            read: { (node, path) throws(ConfigurationError) in try node.json(path) },
            write: { ConfigurationNode(json: $0) })
    }
}

extension ConfigurationForm where Value == String {
    /// Text that is not empty. YAML needs no quotes for it, whatever it looks like.
    ///
    /// - Parameter what: how an error calls it, such as "a path".
    package static func text(_ what: String) -> ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "string", "minLength": 1],
            read: { (node, path) throws(ConfigurationError) in
                switch node.content {
                case .text(let text) where !text.isEmpty: return text
                case .plain(let text) where PlainScalar.resolve(text) != .null: return text
                default: throw .wrongValue(node, path, what)
                }
            },
            write: { ConfigurationNode(.text($0)) })
    }

    /// Text, empty or not.
    package static var anyText: ConfigurationForm {
        ConfigurationForm(
            schema: ["type": "string"],
            read: { (node, path) throws(ConfigurationError) in
                switch node.content {
                case .text(let text), .plain(let text): return text
                default: throw .wrongValue(node, path, "a text")
                }
            },
            write: { ConfigurationNode(.text($0)) })
    }

    /// One of some names, as they are written.
    package static func name(of known: [String]) -> ConfigurationForm {
        let expected = "one of \(known.joined(separator: ", "))"
        return ConfigurationForm(
            schema: ["type": "string", "enum": .array(known.map { .string($0) })],
            read: { (node, path) throws(ConfigurationError) in
                let text = try text(expected).read(node, path)
                guard known.contains(text) else {
                    var error = ConfigurationError.wrongValue(node, path, expected)
                    error.nearest = NearestName.of(text, among: known)
                    throw error
                }
                return text
            },
            write: { ConfigurationNode(.text($0)) })
    }
}
