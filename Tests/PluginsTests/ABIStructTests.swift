import Foundation
import HostPlugins
import TestSupport
import Testing

/// Structs of plugins that were built with an older header than the host, or a newer one.
@Suite struct ABIStructTests {
    /// As the header of ABI 1.2 may have a struct: `middle` came with 1.1, `last` with 1.2.
    private struct Grown: ABIStruct, Equatable {
        static let sizes = [16, 24, 40]
        var size: UInt32 = 0
        var reserved: UInt32 = 0
        var first: UInt64 = 0
        var middle: UInt64 = 0
        var last: (UInt64, UInt64) = (0, 0)

        static func == (a: Grown, b: Grown) -> Bool {
            (a.size, a.first, a.middle, a.last.0, a.last.1)
                == (b.size, b.first, b.middle, b.last.0, b.last.1)
        }
    }

    /// Runs `body` with the address of bytes behind which nothing may be read.
    private func withBytesAtPageEnd(
        _ count: Int, _ body: (UnsafeMutableRawPointer) throws -> Void
    ) throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let memory = try #require(
            mmap(nil, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        defer { munmap(memory, 2 * page) }
        #expect(mprotect(memory + page, page, PROT_NONE) == 0)
        try body(memory + page - count)
    }

    private func copied(size: Int, bytes: Int) throws -> Grown? {
        var copy: Grown?
        try withBytesAtPageEnd(bytes) { pointer in
            memset(pointer, 0xEE, bytes)
            pointer.storeBytes(of: UInt32(size), as: UInt32.self)
            copy = Grown.copy(pointer)
        }
        return copy
    }

    @Test("a struct of an older version is read as far as it goes, and zero from there on")
    func older() throws {
        let filled: UInt64 = 0xEEEE_EEEE_EEEE_EEEE
        let first = try #require(try copied(size: 16, bytes: 16))
        #expect(first == Grown(size: 16, first: filled))
        let second = try #require(try copied(size: 24, bytes: 24))
        #expect(second == Grown(size: 24, first: filled, middle: filled))
        // No version has this size: the half of a member is none.
        let odd = try #require(try copied(size: 32, bytes: 32))
        #expect(odd == Grown(size: 32, first: filled, middle: filled))
    }

    @Test("a struct of a newer version is read as far as the host knows it")
    func newer() throws {
        let filled: UInt64 = 0xEEEE_EEEE_EEEE_EEEE
        let copy = try #require(try copied(size: 4096, bytes: 40))
        #expect(copy == Grown(size: 4096, first: filled, middle: filled, last: (filled, filled)))
    }

    @Test("a struct that is smaller than in ABI 1.0 is none", arguments: [0, 4, 15])
    func small(size: Int) throws {
        #expect(try copied(size: size, bytes: 16) == nil)
    }

    @Test(
        "the table has the sizes that the header says, and each struct that plugins pass and that grows"
    )
    func table() throws {
        for row in ABIStructs.all {
            #expect(row.sizes.last == row.currentSize, "\(row.name)")
            #expect(row.sizes == row.sizes.sorted() && Set(row.sizes).count == row.sizes.count)
        }
        let folder = Repository.path("Sources/PluginABI/include")
        let names = try #require(FileManager.default.enumerator(atPath: folder))
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".h") }
        var passed: Set<String> = []
        for name in names {
            let header = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            let structs = header.matches(
                of: /\/\*((?:(?!\*\/)[\s\S])*)\*\/\n(?:typedef )?struct (backplane_\w+) \{/)
            for match in structs where match.1.contains("Plugin memory") {
                passed.insert(String(match.2))
            }
        }
        #expect(passed.count >= 10)
        let known = Set(ABIStructs.all.map { $0.name.replacing(/_t$/, with: "") })
        #expect(passed.subtracting(known) == [])
    }
}
