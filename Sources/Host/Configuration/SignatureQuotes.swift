/// Puts quotes around the signatures of a manifest, so that they need none there.
///
/// `pow: (base: f64, exponent: f64) -> f64` is no YAML: a plain value can't have a colon with a blank behind it. In the
/// keys that hold signatures, and nowhere else, a value that begins like one goes to the end of its line, and over the
/// lines below that are further to the right.
struct SignatureQuotes {
    /// The keys of a manifest whose values, or the values in whose mapping, are signatures.
    private static let keys: Set<Substring> = ["methods", "constructor", "destructor", "types"]

    /// The text with quotes. What stands at the beginning of each value stays where it was.
    static func added(to text: String) -> String {
        // A manifest without these keys is left as it is.
        guard text.contains("methods") || text.contains("types") else { return text }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        /// The outermost key that is read, if it is one of those.
        var section: Substring?
        var index = 0
        while index < lines.count {
            let line = lines[index]
            let indentation = line.prefix { $0 == " " }.count
            let content = line.dropFirst(indentation)
            if indentation == 0, !content.isEmpty, content.first != "#" {
                let key = content.prefix { $0 != ":" }
                section = keys.contains(key) ? Substring(String(key)) : nil
            }
            guard let section else {
                index += 1
                continue
            }
            var end = index + 1
            while end < lines.count, isContinuation(lines[end], of: indentation) { end += 1 }
            if isBlockText(content) {
                index = end
            } else if let start = valueStart(in: line, section) {
                quote(&lines, from: index, start, to: end)
                index = end
            } else if end > index + 1, isKeyAlone(content),
                let start = signatureStart(in: lines[index + 1])
            {
                quote(&lines, from: index + 1, start, to: end)
                index = end
            } else {
                index += 1
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func isContinuation(_ line: String, of indentation: Int) -> Bool {
        let own = line.prefix { $0 == " " }.count
        return own > indentation && own < line.count && !line.dropFirst(own).hasPrefix("#")
    }

    /// `key: >`, whose text needs no quotes.
    private static func isBlockText(_ content: Substring) -> Bool {
        content.contains(/^[^#]*:\s+[|>][-+0-9]*\s*(#.*)?$/)
    }

    /// `key:`, whose value is on the lines below.
    private static func isKeyAlone(_ content: Substring) -> Bool {
        content.wholeMatch(of: /[A-Za-z0-9_.\-]+:\s*(#.*)?/) != nil
    }

    private static func signatureStart(in line: String) -> String.Index? {
        guard let match = line.prefixMatch(of: /\s+(?=[A-Za-z0-9_]*\()/) else { return nil }
        return match.range.upperBound
    }

    /// Where a signature begins behind a key, with or without the function's name: at `(` or `name(`. A struct's type
    /// begins at `{`.
    private static func valueStart(in line: String, _ section: Substring) -> String.Index? {
        guard let key = line.prefixMatch(of: /\s*[A-Za-z0-9_.\-]+:[ \t]+/) else { return nil }
        // Methods and types are the values of a mapping, which may stand in braces.
        let isMapping = section == "methods" || section == "types"
        guard !isMapping || line.first == " " else { return nil }
        let value = line[key.range.upperBound...]
        let begins =
            section == "types"
            ? value.hasPrefix("{") : value.prefixMatch(of: /[A-Za-z0-9_]*\(/) != nil
        return begins ? key.range.upperBound : nil
    }

    /// Quotes what begins in a line and goes on to the one before `end`.
    private static func quote(
        _ lines: inout [String], from first: Int, _ start: String.Index, to end: Int
    ) {
        let last = end - 1
        for index in first...last {
            let line = lines[index]
            var (head, value) = ("", Substring(line))
            if index == first { (head, value) = (String(line[..<start]), line[start...]) }
            var comment = Substring()
            if index == last {
                let length = value.count - commentLength(of: value)
                comment = value.dropFirst(length)
                value = value.prefix(length)
            }
            var quoted = value.replacing("'", with: "''")
            if index == first { quoted = "'" + quoted }
            if index == last {
                let blanks = quoted.reversed().prefix { $0 == " " || $0 == "\r" || $0 == "\t" }
                quoted = quoted.dropLast(blanks.count) + "'" + blanks.reversed()
            }
            lines[index] = head + quoted + comment
        }
    }

    /// How many characters at the end are a comment, which begins with ` #` outside of texts.
    private static func commentLength(of value: Substring) -> Int {
        var isInText = false
        var before: Character = " "
        for index in value.indices {
            let character = value[index]
            if character == "\"", before != "\\" { isInText.toggle() }
            if character == "#", !isInText, before == " " || before == "\t" {
                return value[index...].count
            }
            before = character
        }
        return 0
    }
}
