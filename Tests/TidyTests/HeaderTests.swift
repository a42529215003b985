import Foundation
import TestSupport
import Testing

/// The headers are the whole contract with plugin authors.
@Suite struct HeaderTests {
    private static let headers = SourceTree.files(
        under: ["Sources/PluginABI/include"], endings: ["h"])
    private let lines: [String]

    init() throws {
        let path = "Sources/PluginABI/include/backplane_plugin.h"
        lines = try #require(Self.headers.first { $0.path == path }).lines
    }

    @Test("the comment above each function pointer ends with the threads it is called on")
    func threadTags() throws {
        let pointer = /\(\*(?:BACKPLANE_NONNULL |BACKPLANE_NULLABLE )?(\w+)\)\(/
        let tag = /\[(?:lifecycle|replica-thread|any-thread)\] \*\/$/
        var names: [String] = []
        var untagged: [String] = []
        for header in Self.headers {
            for (index, line) in header.lines.enumerated() {
                guard let match = line.firstMatch(of: pointer), index > 0 else { continue }
                let name = String(match.1)
                // Any function, which nobody calls as such.
                guard name != "backplane_function_t" else { continue }
                names.append(name)
                if !header.lines[index - 1].contains(tag) { untagged.append(name) }
            }
        }
        #expect(untagged == [])
        for name in ["invoke", "allocate_body", "proceed", "on_end", "restore", "start"] {
            #expect(names.contains(name))
        }
    }

    @Test("each struct of the headers says whether it may grow, and has its layout asserted")
    func growth() throws {
        let text = Self.headers.flatMap(\.lines).joined(separator: "\n")
        let structs = text.matches(
            of: /\/\*((?:(?!\*\/)[\s\S])*)\*\/\n(?:typedef )?struct (backplane_\w+) \{/)
        #expect(structs.count >= 25)
        for match in structs {
            let (comment, name) = (String(match.1), String(match.2))
            let words = comment.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                .replacing(" * ", with: " ").lowercased()
            #expect(
                words.contains("may grow") != words.contains("never grows"),
                "\(name) does not say whether it grows")
            #expect(text.contains("BACKPLANE_ASSERT_SIZE(\(name)_t, "), "\(name)")
        }
    }

    @Test("each member is where it was in ABI 1.0, and no struct is smaller")
    func frozenLayout() throws {
        let frozen = SourceTree.files(under: ["Tests/Fixtures/abi-1.0/include"], endings: ["h"])
        let assertions = frozen.flatMap(\.lines).filter { $0.hasPrefix("BACKPLANE_ASSERT_") }
        #expect(assertions.count > 150)
        let today = Set(Self.headers.flatMap(\.lines))
        let sizes = today.reduce(into: [Substring: Int]()) { sizes, line in
            if let (name, size) = Self.size(line) { sizes[name] = size }
        }
        for assertion in assertions {
            guard let (name, size) = Self.size(assertion) else {
                #expect(today.contains(assertion))
                continue
            }
            #expect(try #require(sizes[name]) >= size, "\(name)")
        }
    }

    private static func size(_ line: String) -> (name: Substring, size: Int)? {
        guard let match = line.firstMatch(of: /^BACKPLANE_ASSERT_SIZE\((\w+), (\d+)\);$/)
        else { return nil }
        return Int(match.2).map { (match.1, $0) }
    }

    @Test("the header compiles without a warning as C and C++, under gcc and clang")
    func compiles() throws {
        let result = try Tool.result(of: Repository.path("scripts/check-header"), [])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("gcc as c++17") && result.output.contains("gcc as c17"))
        #expect(result.output.contains("clang as c11"))
    }

    @Test("the plugin in the header's first comment is the fixture that the tests load")
    func example() throws {
        let start = try #require(lines.firstIndex { $0.contains("a whole plugin:") })
        let end = try #require(lines.firstIndex { $0.hasPrefix(" * THREADS.") })
        let example = lines[start + 1..<end].map { $0.dropFirst(7) }.joined(separator: "\n")

        let fixture = try #require(
            SourceTree.files.first { $0.path == "Tests/Fixtures/shout.c" })
        let code = fixture.lines.dropFirst().joined(separator: "\n")
        let blanks = CharacterSet.whitespacesAndNewlines
        #expect(example.trimmingCharacters(in: blanks) == code.trimmingCharacters(in: blanks))
    }
}
