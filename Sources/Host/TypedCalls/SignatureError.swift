/// A signature that can't be used.
package struct SignatureError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where, from 1, in characters of the signature or the type's text.
    package let column: Int
    /// What was expected and what came, and what to do; without the column.
    package let message: String

    package init(column: Int, _ message: String) {
        self.column = column
        self.message = message
    }

    package var description: String { "column \(column): \(message)" }
}
