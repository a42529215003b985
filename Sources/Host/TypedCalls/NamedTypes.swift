/// Types that signatures may call by name, declared once.
package struct NamedTypes: Sendable {
    private var types: [String: ValueType] = [:]

    package init() {}

    /// Gives a type a name: `Point` is `{x: f64, y: f64}`. The text may use the names declared before.
    ///
    /// - Throws: ``SignatureError``, with the column in `text`; column 0 where the name is at fault.
    package mutating func declare(_ name: String, as text: String) throws(SignatureError) {
        guard SignatureLexer.isName(name) else {
            throw SignatureError(
                column: 0, "\(name) can't name a type: use letters, digits and _")
        }
        guard !SignatureParser.reserved.contains(name), Scalar(rawValue: name) == nil else {
            throw SignatureError(column: 0, "\(name) is a type already: use another name")
        }
        guard types[name] == nil else {
            throw SignatureError(column: 0, "the type \(name) is declared twice: rename one")
        }
        var parser = try SignatureParser(text, types: self)
        types[name] = try parser.wholeType()
    }

    package subscript(name: String) -> ValueType? { types[name] }

    package var names: [String] { types.keys.sorted() }
}
