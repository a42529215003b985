/// Where a part of a YAML scalar stands in its file.
///
/// The parser tells where a scalar begins; quotes, escapes and line breaks lie between that and a place within it.
enum ScalarPlace {
    /// - Parameters:
    ///   - offset: in the scalar's value, in Unicode scalars, from 0.
    ///   - value: the scalar's.
    ///   - start: where the scalar begins in `text`.
    /// - Returns: `start` when the text doesn't lead there.
    static func of(
        _ offset: Int, in value: String, at start: ConfigurationError.Position, of text: String
    ) -> ConfigurationError.Position {
        var reader = Reader(text, start)
        reader.skipOpening()
        for (index, expected) in value.unicodeScalars.enumerated() {
            guard index < offset else { break }
            guard reader.skip(expected) else { return start }
        }
        reader.skipFold()
        return reader.position
    }

    private struct Reader {
        private let scalars: [Unicode.Scalar]
        private var index: Int
        private(set) var position: ConfigurationError.Position
        private var quote: Unicode.Scalar?
        /// Within a folded or literal block, whose lines are all indented.
        private var isBlock = false

        init(_ text: String, _ start: ConfigurationError.Position) {
            scalars = Array(text.unicodeScalars)
            index = 0
            position = .init(line: 1, column: 1)
            while index < scalars.count, position != start, position.line <= start.line {
                advance()
            }
        }

        private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

        private mutating func advance() {
            if current == "\n" {
                position = .init(line: position.line + 1, column: 1)
            } else {
                position.column += 1
            }
            index += 1
        }

        mutating func skipOpening() {
            guard let first = current else { return }
            if first == "'" || first == "\"" {
                quote = first
                advance()
            } else if first == "|" || first == ">" {
                isBlock = true
                while let next = current, next != "\n" {
                    _ = next
                    advance()
                }
                skipBlanks()
            }
        }

        private mutating func skipBlanks() {
            while let next = current, next == " " || next == "\n" || next == "\r" || next == "\t" {
                advance()
            }
        }

        /// Where a line ends, the next part of the value begins on another one.
        mutating func skipFold() {
            if current == "\n" || current == "\r" { skipBlanks() }
        }

        /// - Returns: whether the next sign of the value stands here.
        mutating func skip(_ expected: Unicode.Scalar) -> Bool {
            if expected == " " || expected == "\n", current == "\n" || current == "\r" {
                skipBlanks()
                return true
            }
            guard let quote, current == quote || current == "\\" && quote == "\"" else {
                guard current == expected else { return false }
                advance()
                return true
            }
            // '' and \" and \\ stand for their second sign; other escapes stand in no signature.
            advance()
            guard current == expected else { return false }
            advance()
            return true
        }
    }
}
