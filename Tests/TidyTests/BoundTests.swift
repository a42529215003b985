import TestSupport
import Testing

/// What can grow, or be left behind, while a host runs.
@Suite struct BoundTests {
    /// Queues, and timers that somebody must take back.
    private static var pattern: Regex<Substring> {
        /\bDeque<|\.makeStream\(|\bAsyncStream\(|\.scheduleTask\(|\.scheduleRepeated\w*Task\(/
    }
    /// How far above a line its comment may stand.
    private static let reach = 4

    @Test("each queue and each timer of the host says what bounds it")
    func bounds() {
        var silent: [String] = []
        for file in SourceTree.files(under: ["Sources/Host"], endings: ["swift"]) {
            for (number, line) in file.lines.enumerated() where line.contains(Self.pattern) {
                let above = file.lines[max(0, number - Self.reach)...number]
                if !above.contains(where: { $0.contains("Bound:") }) {
                    silent.append("\(file.path):\(number + 1)")
                }
            }
        }
        #expect(
            silent == [], "say in a comment above it, after `Bound:`, why it can't grow without end"
        )
    }
}
