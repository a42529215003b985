import Foundation
import HostLoader
import HostPlugins
import TestSupport
import Testing

/// What goes wrong when a library is loaded from where the operator put it, and must not.
@Suite struct LoadingTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("libtest.so")
    }

    private func place(version: String) throws {
        try Fixture.place(
            Fixture.library("generation", defines: ["VERSION=\"\(version)\""]), as: "libtest.so",
            in: directory.path)
    }

    @Test("a library renamed over the one that is loaded is the one that the next load gets")
    func renamedOver() throws {
        try place(version: "1")
        let old = try LoadedPlugin(path)
        try place(version: "2")
        let new = try LoadedPlugin(path)
        #expect(new.generation.descriptor.version == "2")
        #expect(try new.call().text == "2")
        #expect(try old.call().text == "1")
    }

    @Test("the same file loaded twice is two libraries with a state each")
    func loadedTwice() throws {
        let library = try Fixture.library("static_count")
        let first = try LoadedPlugin(library)
        let second = try LoadedPlugin(library)
        #expect(try first.call().text == "1")
        #expect(try first.call().text == "2")
        #expect(try second.call().text == "1")
    }

    @Test("the same file under a hard link and a symbolic link is a library of its own each")
    func linked() throws {
        let library = try Fixture.library("static_count")
        let original = directory.file("liboriginal.so")
        let hardLink = directory.file("libhard.so")
        let symbolicLink = directory.file("libsymbolic.so")
        try FileManager.default.copyItem(atPath: library, toPath: original)
        try FileManager.default.linkItem(atPath: original, toPath: hardLink)
        try FileManager.default.createSymbolicLink(
            atPath: symbolicLink, withDestinationPath: original)
        let plugins = try [original, hardLink, symbolicLink].map { try LoadedPlugin($0) }
        for plugin in plugins {
            #expect(try plugin.call().text == "1")
        }
        #expect(try plugins[0].call().text == "2")
    }

    @Test("a loaded library whose file is cut off goes on working")
    func truncatedWhileMapped() throws {
        try FileManager.default.copyItem(atPath: Fixture.library("cold_pages"), toPath: path)
        let plugin = try LoadedPlugin(path)
        try #require(truncate(path, 0) == 0)
        #expect(try plugin.call().text == "42")
    }

    @Test("a loaded library whose file is overwritten with another one goes on working")
    func overwrittenWhileMapped() throws {
        try FileManager.default.copyItem(atPath: Fixture.library("cold_pages"), toPath: path)
        let plugin = try LoadedPlugin(path)
        // As cp does it: the same inode, cut off and written anew.
        try Tool.run("cp", [Fixture.library("static_count"), path])
        #expect(try plugin.call().text == "42")
    }

    @Test("a loaded library whose copy is removed from the store goes on working")
    func copyRemoved() throws {
        let plugin = try LoadedPlugin(fixture: "cold_pages")
        plugin.store.remove()
        #expect(!FileManager.default.fileExists(atPath: plugin.store.directory))
        #expect(try plugin.call().text == "42")
    }

    @Test("a generation has its copy's fingerprint, and its number")
    func fingerprint() throws {
        let store = try LibraryStore()
        let copy = try store.copy(Fixture.library("generation"), name: "test")
        let generation = try PluginGeneration.load(
            copy, from: store, number: 7, logger: TestLog().quiet)
        #expect(generation.fingerprint == copy.fingerprint)
        #expect(generation.number == 7)
        #expect(!generation.handsStateOver)
    }
}
