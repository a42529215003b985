import Foundation
import TestSupport
import Testing

/// A whole plugin in a document: a block of code whose first line is `/* file: NAME.c */`, or `NAME.cpp`.
struct PluginExample: Sendable, CustomTestStringConvertible {
    enum Language: String, Sendable {
        case c
        case cpp
    }

    let document: String
    /// The file's name without its ending, which becomes the plugin's.
    let name: String
    let language: Language
    let source: String

    var testDescription: String { "\(name) in \(document)" }

    static let mark = "/* file: "

    static let all = MarkdownDocument.all.flatMap { document in
        document.blocks.compactMap { Self($0, in: document) }
    }

    private init?(_ block: MarkdownDocument.Block, in document: MarkdownDocument) {
        guard let line = block.lines.first, line.hasPrefix(Self.mark), line.hasSuffix(" */") else {
            return nil
        }
        let parts = line.dropFirst(Self.mark.count).dropLast(3).split(separator: ".")
        guard parts.count == 2, let language = Language(rawValue: String(parts[1])) else {
            return nil
        }
        self.document = document.path
        name = String(parts[0])
        self.language = language
        source = block.text + "\n"
    }

    /// A sanitized host needs sanitized libraries, and only C ones are compiled so.
    var canBeLoaded: Bool { language == .c || Sanitizer.current == nil }

    /// Compiles it as its readers will, without a warning.
    ///
    /// - Parameter compiler: nil: the one that the fixtures are compiled with, and as they are.
    /// - Returns: the library's path.
    func compile(in directory: TemporaryDirectory, compiler: String? = nil) throws -> String {
        let file = directory.file("\(name).\(language.rawValue)")
        let library = directory.file("lib\(name).so")
        try source.write(toFile: file, atomically: true, encoding: .utf8)
        if compiler == nil, language == .c {
            try Fixture.compile(source: file, to: library)
        } else {
            try Tool.run(
                compiler ?? "c++",
                [
                    language == .c ? "-std=c11" : "-std=c++17", "-fPIC", "-shared", "-Wall",
                    "-Wextra", "-pedantic", "-Werror", "-pthread", "-I",
                    Repository.path("Sources/PluginABI/include"), file, "-o", library,
                ])
        }
        return library
    }

    /// gcc, and the clang beside Swift.
    var compilers: [String] {
        switch language {
        case .c: ["gcc", Tool.swiftTool("clang")]
        case .cpp: ["g++", Tool.swiftTool("clang++")]
        }
    }
}
