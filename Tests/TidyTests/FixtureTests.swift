import Foundation
import TestSupport
import Testing

@Suite struct FixtureTests {
    /// Without what is kept of versions of the ABI, in folders of their own.
    private static let names = SourceTree.files(under: ["Tests/Fixtures"], endings: ["c"])
        .filter { $0.path.split(separator: "/").count == 3 }
        .map { String($0.name.dropLast(2)) }.sorted()

    @Test("each fixture has a line in the table, in order, and each line a fixture")
    func table() throws {
        let table = try #require(SourceTree.files.first { $0.path == "Tests/Fixtures/README.md" })
        let listed = table.lines.compactMap { $0.firstMatch(of: /^\| `(\w+)` \|/)?.1 }
        #expect(listed.map(String.init) == Self.names)
    }

    @Test("each fixture begins with its name and what it does")
    func firstLine() {
        let unnamed = Self.names.filter { name in
            let file = SourceTree.files.first { $0.path == "Tests/Fixtures/\(name).c" }
            return file?.lines.first?.hasPrefix("/* \(name) - ") != true
        }
        #expect(unnamed == [])
    }

    @Test("a fixture exports the entry function alone", .enabled(if: Sanitizer.current == nil))
    func exports() throws {
        // Libraries that are no plugins export what they like.
        for name in Self.names where name != "unaware" {
            let own: Set<String> =
                switch name {
                case "generation": ["backplane_plugin_entry", "backplane_fixture_shared"]
                case "no_entry": []
                default: ["backplane_plugin_entry"]
                }
            #expect(try exportedSymbols(of: Fixture.library(name)) == own, "\(name)")
        }
    }

    @Test(
        "an example plugin exports the entry function alone",
        .enabled(if: Sanitizer.current == nil), arguments: ["echo", "counter"])
    func exampleExports(name: String) throws {
        let symbols = try exportedSymbols(of: Repository.product("lib\(name).so"))
        #expect(symbols == ["backplane_plugin_entry"])
    }

    private func exportedSymbols(of library: String) throws -> Set<String> {
        let output = try Tool.run("nm", ["-D", "--defined-only", library])
        let symbols = output.split(separator: "\n").compactMap { line in
            line.split(separator: " ").last.map(String.init)
        }
        // What every shared library has.
        return Set(symbols).subtracting(["__bss_start", "_edata", "_end", "_init", "_fini"])
    }
}
