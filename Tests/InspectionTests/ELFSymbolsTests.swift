import Foundation
import HostCore
import HostLoader
import TestSupport
import Testing

@Suite struct ELFSymbolsTests {
    private static func path(of soname: String) throws -> String {
        try LibraryLocation.find(soname)
    }

    @Test("what a library exports is what nm says", arguments: ["libm.so.6", "libz.so.1"])
    func names(soname: String) throws {
        let path = try Self.path(of: soname)
        // `0000000000011450 W pow@@GLIBC_2.29`; one @ is a version that a lookup by name doesn't find.
        let lines = try Tool.run("nm", ["-D", "--defined-only", path]).split(separator: "\n")
        let functions = lines.compactMap { line -> String? in
            let parts = line.split(separator: " ")
            guard parts.count == 3, "TWi".contains(parts[1]) else { return nil }
            let name = parts[2].split(separator: "@", omittingEmptySubsequences: false)
            return name.count == 2 ? nil : String(name[0])
        }
        #expect(functions.count > 50)
        #expect(try ELFSymbols(of: path).functions.sorted() == functions.sorted())
    }

    @Test("a symbol has its versions, the default one first")
    func versions() throws {
        let symbols = try ELFSymbols(of: Self.path(of: "libm.so.6"))
        #expect(symbols.soname == "libm.so.6")
        let pow = symbols.exported.filter { $0.name == "pow" }
        #expect(pow.map(\.isDefault) == [true, false])
        #expect(pow.allSatisfy { $0.version?.hasPrefix("GLIBC_2.") == true })
        #expect(Set(pow.map(\.version)).count == 2)
    }

    @Test("debug information is seen where it is")
    func debugInformation() throws {
        #expect(try ELFSymbols(of: Fixture.library("unaware")).hasDebugInformation)
        #expect(try !ELFSymbols(of: Self.path(of: "libz.so.1")).hasDebugInformation)
    }

    @Test("a file that is no library, or half of one, is refused with its path")
    func refused() throws {
        let directory = try TemporaryDirectory()
        let half = directory.file("half.so")
        let whole = try Data(contentsOf: URL(fileURLWithPath: Fixture.library("unaware")))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: half))
        let text = directory.file("text.so")
        try Data("no library".utf8).write(to: URL(fileURLWithPath: text))
        for (path, reason) in [
            (half, "half a library"), (text, "not a shared library"),
            (directory.path, "it is a directory, not a regular file"),
            (directory.file("none.so"), "No such file"),
        ] {
            let error = #expect(throws: PluginError.self) { try ELFSymbols(of: path) }
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains(path) == true)
        }
    }

    @Test("broken tables are no reason to end", arguments: 0..<UInt64(300))
    func broken(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("broken.so")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: Fixture.library("unaware")))
        var random = SeededGenerator(seed: seed)
        // The section headers are at the end of the file, and the symbols near its beginning.
        for _ in 0..<40 {
            let range =
                Bool.random(using: &random) ? 40..<4_096 : max(0, bytes.count - 2_600)..<bytes.count
            bytes[Int.random(in: range, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        try bytes.write(to: URL(fileURLWithPath: path))
        // Whether it is refused or read in part is chance.
        _ = try? ELFSymbols(of: path).functions
    }
}
