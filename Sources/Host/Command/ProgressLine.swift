internal import Foundation

/// A line on standard error that is written again and again; nothing where that is no terminal.
struct ProgressLine {
    private static let isTerminal = isatty(STDERR_FILENO) != 0
    private var shown = ""

    mutating func show(_ text: String) {
        guard Self.isTerminal, text != shown else { return }
        shown = text
        write("\r\u{1B}[2K\(text)")
    }

    mutating func clear() {
        guard !shown.isEmpty else { return }
        shown = ""
        write("\r\u{1B}[2K")
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
