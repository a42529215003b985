import Foundation
import HostCore
import TestSupport
import Testing

@testable import HostLoader
@testable import HostPlugins

/// What is remembered of libraries that were being loaded when the host ended.
@Suite struct LoadJournalTests {
    private let directory: TemporaryDirectory
    private let file: String

    init() throws {
        directory = try TemporaryDirectory()
        file = directory.file("state.loading")
    }

    private func entry(_ fingerprint: UInt64) -> LoadJournal.Entry {
        LoadJournal.Entry(
            LibraryStore.Copy(path: "/copy", fingerprint: fingerprint, source: "/lib.so"),
            plugin: fingerprint == 1 ? "x" : "other")
    }

    /// A host ends while it loads one library, or starts it.
    ///
    /// - Parameter text: what its crash has written; nil: nothing.
    private func end(_ number: UInt64, whileLoading isLoading: Bool, _ text: String?) throws {
        func keep() throws { try Data(contentsOf: URL(fileURLWithPath: file)).write(to: kept) }
        let kept = URL(fileURLWithPath: file + ".kept")
        do {
            let journal = LoadJournal(file: file)
            try journal.record(entry(number)) { () throws(PluginError) in
                if isLoading { try? keep() }
            }
            if !isLoading { try keep() }
        }
        try Data(contentsOf: kept).write(to: URL(fileURLWithPath: file))
        if let text { try Data(text.utf8).write(to: URL(fileURLWithPath: file + ".end")) }
    }

    /// What hosts that start one after the other say, each of which ends in order.
    private func areHeld(_ number: UInt64) -> [Bool] {
        (0..<2).map { _ in
            let journal = LoadJournal(file: file)
            defer { journal.close() }
            return journal.objection(to: entry(number)) != nil
        }
    }

    @Test("while a library is loaded it is written down, and struck out when that is over")
    func written() throws {
        let journal = LoadJournal(file: file)
        try journal.record(entry(1)) { () throws(PluginError) in
            #expect(try! String(contentsOfFile: file, encoding: .utf8).contains("loading"))
        }
        journal.strikeOut(entry(1))
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test(
        "what a crash names is held back by all hosts that follow, in whatever phase it was",
        arguments: [true, false], ["plugin=x\n", "backend=\"x:1 y\" plugin=x\n"])
    func crashes(isLoading: Bool, text: String) throws {
        try end(1, whileLoading: isLoading, text)
        #expect(areHeld(1) == [true, true])
        #expect(areHeld(2) == [false, false])
    }

    @Test(
        "what was being started is not held back when a crash names another one, or nobody",
        arguments: ["plugin=xx\n", "backend=x plugin=y\n", "backend=x", nil])
    func innocent(text: String?) throws {
        try end(1, whileLoading: false, text)
        #expect(areHeld(1) == [false, false])
    }

    @Test("a host that ends without a word is no proof; a second one is, for all that follow")
    func held() throws {
        for number in 1...2 as ClosedRange<UInt64> {
            try end(number, whileLoading: true, nil)
            #expect(areHeld(number) == [false, false])
            try end(number, whileLoading: true, nil)
            #expect(areHeld(number) == [true, true])
        }
        let journal = LoadJournal(file: file)
        let objection = try #require(journal.objection(to: entry(2)))
        #expect(objection.code == .heldBack)
        #expect(objection.message.contains("`backplane reload other`"))

        // Asked for by an operator, and refused: it does no harm.
        #expect(throws: PluginError.self) {
            try journal.record(entry(2)) { () throws(PluginError) in
                throw PluginError(.lifecycleFailed, "no")
            }
        }
        journal.close()
        #expect(areHeld(1) == [true, true])
        #expect(areHeld(2) == [false, false])
    }

    @Test("one that another host has is not touched")
    func anotherHost() throws {
        let journal = LoadJournal(file: file)
        try journal.record(entry(1)) { () throws(PluginError) in
            let before = try! Data(contentsOf: URL(fileURLWithPath: file))
            let second = LoadJournal(file: file)
            second.close()
            #expect(try! Data(contentsOf: URL(fileURLWithPath: file)) == before)
            #expect(FileManager.default.fileExists(atPath: file + ".end"))
        }
    }

    @Test("a host that ends in order leaves nothing, whatever is being loaded")
    func closed() throws {
        let journal = LoadJournal(file: file)
        try journal.record(entry(1)) { () throws(PluginError) in journal.close() }
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test("one that can't be written or read keeps nothing from being loaded")
    func unusable() throws {
        for path in [directory.file("none/file"), directory.path, "/proc/none"] {
            let journal = LoadJournal(file: path)
            #expect(try journal.record(entry(1)) { () throws(PluginError) in 1 } == 1)
            #expect(journal.objection(to: entry(1)) == nil)
        }
        try Data("no journal\n\u{0}".utf8).write(to: URL(fileURLWithPath: file))
        #expect(LoadJournal(file: file).objection(to: entry(1)) == nil)
    }
}
