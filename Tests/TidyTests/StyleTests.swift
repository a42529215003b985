import Foundation
import TestSupport
import Testing

/// The parts of the house style that no tool holds.
@Suite struct StyleTests {
    private static let sources = SourceTree.files(
        under: ["Sources"], endings: ["swift", "c", "h"])
    private static let code = SourceTree.files(
        under: ["Sources", "Tests", "Examples"], endings: ["swift", "c", "h"])

    @Test("the tree that the other tests look at is there")
    func tree() {
        #expect(Self.sources.count > 50)
        #expect(SourceTree.files.contains { $0.path == "scripts/check" })
    }

    @Test("no file has more lines than one person reads at once")
    func fileLength() {
        // The core of the contract is one file, and two thirds of it are comments.
        let limits = ["Sources/PluginABI/include/backplane_plugin.h": 900]
        let long = Self.sources.filter { $0.lines.count > limits[$0.path] ?? 500 }
        #expect(long.map { "\($0.path): \($0.lines.count)" } == [])
    }

    @Test("lines fit: 120 columns in C and in comments, 100 in Swift, texts excepted")
    func lineLength() {
        let cFiles = Self.code.filter { !$0.path.hasSuffix(".swift") }
        #expect(SourceTree.lines(of: cFiles) { $0.utf8.count > 120 && $0.count > 120 } == [])

        let swiftFiles = Self.code.filter { $0.path.hasSuffix(".swift") }
        #expect(swiftFiles.flatMap(longLines) == [])
    }

    private func longLines(of file: SourceTree.File) -> [String] {
        var long: [String] = []
        var isInText = false
        for (index, line) in file.lines.enumerated() {
            let isComment = line.drop { $0 == " " }.hasPrefix("//")
            if line.utf8.count > 100, !isInText, isComment || !line.contains("\"") {
                if line.count > (isComment ? 120 : 100) {
                    long.append("\(file.path):\(index + 1): \(line)")
                }
            }
            // A text of several lines opens or closes here, unless it does both.
            if line.split(separator: "\"\"\"", omittingEmptySubsequences: false).count == 2 {
                isInText.toggle()
            }
        }
        return long
    }

    @Test("nothing is left to do in a comment")
    func openEnds() {
        // In two pieces, so that this file passes.
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
        let files = SourceTree.files.filter { !$0.path.hasSuffix(".md") }
        let left = SourceTree.lines(of: files) { line in marks.contains { line.contains($0) } }
        #expect(left == [])
    }

    @Test("no type is a manager, a helper or a bag of utilities")
    func typeNames() {
        let kinds = ["class ", "struct ", "enum ", "actor ", "protocol ", "typealias "]
        let vagueNames = ["Manager", "Helper", "Util"]
        let vague = SourceTree.lines(of: Self.code) { line in
            vagueNames.contains { line.contains($0) }
                && kinds.contains { kind in
                    guard let name = line.firstRange(of: kind).map({ line[$0.upperBound...] })
                    else { return false }
                    let word = name.prefix { $0.isLetter || $0.isNumber }
                    return vagueNames.contains { word.contains($0) }
                }
        }
        #expect(vague == [])
    }

    @Test("a file is named after the first type it declares")
    func fileNames() throws {
        let declaration =
            #/
            ^(?:@\w+(?:\(.*\))?\ )*
            (?:(?:package|public|internal|final|indirect|nonisolated)\ )*
            (?:class|struct|enum|actor|protocol|extension)\ (\w+)
            /#
        var misnamed: [String] = []
        let files = SourceTree.files(under: ["Sources/Host", "Tests"], endings: ["swift"])
        for file in files {
            // At the beginning of a line: what is indented is inside of a type.
            let first = file.lines.lazy
                .filter { $0.utf8.first.map { $0 != UInt8(ascii: " ") && $0 != 0x2F } ?? false }
                .compactMap { $0.firstMatch(of: declaration) }.first
            let expected = file.name.prefix { $0 != "." && $0 != "+" }
            if let first, first.1 != expected {
                misnamed.append("\(file.path) declares \(first.1) first")
            }
        }
        #expect(misnamed == [])
    }

    @Test("nothing names the directory that the project happens to be developed in")
    func paths() {
        let place = "/wo" + "rk/"
        #expect(SourceTree.lines(of: SourceTree.files) { $0.contains(place) } == [])
    }

    @Test("text files end with one newline and have no blanks at the ends of lines")
    func whitespace() {
        let untidy = SourceTree.files.filter { file in
            file.lines.count > 1 && (file.lines.last != "" || file.lines.dropLast().last == "")
        }
        #expect(untidy.map(\.path) == [])
        let blanks = SourceTree.lines(of: SourceTree.files) {
            $0.utf8.last == UInt8(ascii: " ") || $0.utf8.last == UInt8(ascii: "\t")
        }
        #expect(blanks == [])
    }
}
