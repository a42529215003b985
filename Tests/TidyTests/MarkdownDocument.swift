import Foundation
import TestSupport

/// A document in Markdown, taken apart: blocks of code, and the text between them.
struct MarkdownDocument: Sendable {
    struct Block: Sendable {
        /// What stands behind the opening fence, such as `c`.
        let language: String
        let lines: [String]

        var text: String { lines.joined(separator: "\n") }
    }

    /// Relative to the project's root.
    let path: String
    let blocks: [Block]
    /// The lines outside of blocks.
    let prose: [String]

    init(_ file: SourceTree.File) {
        var blocks: [Block] = []
        var prose: [String] = []
        var open: (language: String, lines: [String])?
        for line in file.lines {
            guard line.hasPrefix("```") else {
                if open == nil { prose.append(line) } else { open?.lines.append(line) }
                continue
            }
            if let block = open {
                blocks.append(Block(language: block.language, lines: block.lines))
                open = nil
            } else {
                open = (String(line.dropFirst(3)), [])
            }
        }
        path = file.path
        self.blocks = blocks
        self.prose = prose
    }

    static let all = SourceTree.files.filter { $0.path.hasSuffix(".md") }.map(Self.init)

    /// The one at a path; empty when there is none.
    static func at(_ path: String) -> Self {
        all.first { $0.path == path } ?? Self(SourceTree.File(path: path, lines: []))
    }

    /// The text under a heading of the second level.
    func section(_ heading: String) -> [String] {
        Array(prose.drop { $0 != "## \(heading)" }.dropFirst().prefix { !$0.hasPrefix("## ") })
    }

    /// Where its links to files of the project lead, relative to the document.
    var linkTargets: [String] {
        prose.joined(separator: "\n").matches(of: /\]\(([^)\s]+)\)/)
            .map { String($0.output.1) }
            .filter { !$0.contains("://") && !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: "#").first.map(String.init) }
    }

    /// The files and folders of the project that it names, relative to the project's root.
    var namedPaths: [String] {
        prose.joined(separator: "\n")
            .matches(of: #/`((?:Sources|Tests|docs|scripts|\.ci)/[\w.+/-]*)`/#)
            .map { String($0.output.1) }
    }
}
