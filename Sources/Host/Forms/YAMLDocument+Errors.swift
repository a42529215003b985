internal import Yams

extension YAMLDocument {
    /// What Yams says of a text that it can't read, in one line.
    ///
    /// - Parameter place: where a mark of Yams is in the text as it was given.
    static func syntaxError(
        _ error: any Error, in text: String,
        place: (ConfigurationError.Position) -> ConfigurationError.Position
    ) -> ConfigurationError {
        func position(_ mark: Mark) -> ConfigurationError.Position {
            place(within(.init(mark), text))
        }
        switch error {
        case YamlError.composer(_, let problem, let mark, _):
            if problem.contains("undefined alias") {
                return ConfigurationError(
                    .unsupportedYAML, at: position(mark),
                    "aliases are not supported: write the value where it is needed")
            }
            if problem.contains("another document") {
                return ConfigurationError(
                    .unsupportedYAML, at: position(mark), "a second document is not supported")
            }
            return noYAML(problem, at: position(mark))
        case YamlError.scanner(_, let problem, let mark, _):
            let isTab = problem.contains("cannot start any token") && isTab(at: mark, in: text)
            return noYAML(
                isTab ? "a tab can't indent: use spaces" : problem, at: position(mark))
        case YamlError.parser(let context, let problem, let mark, _):
            if problem.contains("nesting level") {
                return ConfigurationError(
                    .unsupportedYAML, at: position(mark),
                    "lists and mappings are nested too deep")
            }
            let around = context.map { "\($0.text): " } ?? ""
            return noYAML(around + problem, at: position(mark))
        case YamlError.reader(let problem, let offset, _, let text):
            return noYAML(
                problem, at: offset.flatMap { Self.position(of: $0, in: text) }.map(place))
        default:
            return noYAML("\(error)", at: nil)
        }
    }

    private static func noYAML(
        _ problem: String, at position: ConfigurationError.Position?
    ) -> ConfigurationError {
        let line = problem.split(whereSeparator: \.isNewline).joined(separator: " ")
        return ConfigurationError(.noYAML, at: position, "no YAML: \(line)")
    }

    /// The end of the text for what is missing there: libyaml counts a line that is not there.
    private static func within(
        _ position: ConfigurationError.Position, _ text: String
    ) -> ConfigurationError.Position {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard position.line > lines.count, let last = lines.last else { return position }
        return .init(line: lines.count, column: last.unicodeScalars.count + 1)
    }

    private static func isTab(at mark: Mark, in text: String) -> Bool {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard lines.indices.contains(mark.line - 1) else { return false }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).first == "\t"
    }

    /// - Parameter offset: in characters, as Yams counts for errors of its reader.
    private static func position(of offset: Int, in text: String) -> ConfigurationError.Position? {
        guard offset <= text.count else { return nil }
        let before = text.prefix(offset)
        let lines = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return .init(line: lines.count, column: (lines.last?.unicodeScalars.count ?? 0) + 1)
    }
}

extension ConfigurationError.Position {
    init(_ mark: Mark) {
        self.init(line: mark.line, column: mark.column)
    }
}
