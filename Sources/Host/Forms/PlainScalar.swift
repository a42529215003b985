/// What a YAML scalar without quotes is, where anything may stand.
///
/// YAML 1.1 and 1.2 disagree about some: `no` is false or a text, `010` is eight or ten, `12:30` a number or a text.
/// Those are refused, and the operator says which is meant.
package enum PlainScalar {
    package enum Resolution: Sendable, Equatable {
        case null
        case bool(Bool)
        case integer(Int64)
        case number(Double)
        case text
        /// What to write instead, as it continues "it must be".
        case refused(String)
    }

    package static func resolve(_ text: String) -> Resolution {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case "yes", "Yes", "YES", "on", "On", "ON":
            return .refused(#"true, or "\#(text)" in quotes"#)
        case "no", "No", "NO", "off", "Off", "OFF":
            return .refused(#"false, or "\#(text)" in quotes"#)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
            ".nan", ".NaN", ".NAN":
            return .refused("a number that JSON has, or in quotes")
        default: break
        }
        // Most scalars are words.
        guard let first = text.utf8.first, isDigit(first) || "+-.".utf8.contains(first) else {
            return .text
        }
        return usualNumber(text) ?? number(text)
    }

    /// A number in its usual form, such as `12` or `-0.5`; nil: one in another form, or none.
    ///
    /// Only for the time it saves: regular expressions take long for a table of numbers.
    private static func usualNumber(_ text: String) -> Resolution? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        let whole = digits.prefix(while: isDigit)
        guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else {
            return nil
        }
        let rest = digits[whole.endIndex...]
        if rest.isEmpty { return Int64(text).map(Resolution.integer) }
        guard rest.first == UInt8(ascii: "."), rest.count > 1, rest.dropFirst().allSatisfy(isDigit)
        else { return nil }
        return Double(text).flatMap { $0.isFinite ? .number($0) : nil }
    }

    private static func number(_ text: String) -> Resolution {
        let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        if digits.wholeMatch(of: /0|[1-9][0-9]*/) != nil {
            return Int64(text).map(Resolution.integer)
                ?? .refused("a number of 64 bits, or in quotes")
        }
        if digits.wholeMatch(of: /0x[0-9a-fA-F]+|0o[0-7]+/) != nil {
            let sign = text.first == "-" ? "-" : ""
            let radix = digits.hasPrefix("0x") ? 16 : 8
            return Int64(sign + digits.dropFirst(2), radix: radix).map(Resolution.integer)
                ?? .refused("a number of 64 bits, or in quotes")
        }
        if digits.wholeMatch(of: /(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?/)
            != nil
        {
            let value = Double(text) ?? .infinity
            return value.isFinite ? .number(value) : .refused("a number of 64 bits, or in quotes")
        }
        if digits.wholeMatch(of: /[0-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*\.[0-9_]*/)
            != nil
        {
            return .refused("a plain decimal number, or in quotes")
        }
        if digits.wholeMatch(of: /[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?/) != nil
            || text.prefixMatch(of: /[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}($|[Tt \t])/) != nil
        {
            return .refused("in quotes: YAML has dates and times, JSON has not")
        }
        return .text
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
