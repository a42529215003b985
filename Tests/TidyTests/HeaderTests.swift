import Foundation
import TestSupport
import Testing

/// The header is the whole contract with plugin authors.
@Suite struct HeaderTests {
    private let lines: [String]

    init() throws {
        let path = "Sources/PluginABI/include/backplane_plugin.h"
        lines = try #require(SourceTree.files.first { $0.path == path }).lines
    }

    @Test("the comment above each function pointer ends with the threads it is called on")
    func threadTags() throws {
        let pointer = /\(\*(?:BACKPLANE_NONNULL |BACKPLANE_NULLABLE )?(\w+)\)\(/
        let tag = /\[(?:main|replica-thread|any-thread)\] \*\/$/
        var names: [String] = []
        var untagged: [String] = []
        for (index, line) in lines.enumerated() where !line.hasPrefix("typedef") {
            guard let match = line.firstMatch(of: pointer), index > 0 else { continue }
            names.append(String(match.1))
            if !lines[index - 1].contains(tag) { untagged.append(String(match.1)) }
        }
        #expect(untagged == [])
        #expect(names.count >= 20 && names.contains("invoke") && names.contains("allocate_body"))
    }

    @Test("the header compiles without a warning as C and C++, under gcc and clang")
    func compiles() throws {
        let result = try Tool.result(of: Repository.path("scripts/check-header"), [])
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("gcc as c++17"))
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
