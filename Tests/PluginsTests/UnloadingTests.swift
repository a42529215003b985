import Foundation
import HostCore
import HostLoader
import HostPlugins
import HostWorkers
import TestSupport
import Testing

/// What stays mapped, and what doesn't.
@Suite struct UnloadingTests {
    private let store: LibraryStore
    private let directory: TemporaryDirectory

    init() throws {
        store = try LibraryStore()
        directory = try TemporaryDirectory()
    }

    private func load(_ library: String) throws -> PluginGeneration {
        try LoadedPlugin.load(library, from: store)
    }

    /// Whether anything of this test's store is mapped.
    private func isMapped() throws -> Bool {
        try MappedFiles.contain(store.directory)
    }

    private func copies() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.directory)
            .filter { $0 != "lock" }
    }

    @Test("a library that declares itself unloadable is unmapped, and its copy removed")
    func unloadable() throws {
        let generation = try load(Fixture.library("unloadable"))
        try #require(try isMapped())
        #expect(generation.unload())
        #expect(try !isMapped())
        #expect(try copies() == [])
    }

    @Test("one generation of an unloadable library is unmapped without the other")
    func oneOfTwo() throws {
        let other = try LibraryStore()
        let library = try Fixture.library("unloadable")
        let generation = try load(library)
        let stays = try LoadedPlugin(library, store: other)
        #expect(generation.unload())
        #expect(try !isMapped())
        #expect(try stays.call().text == "here")
    }

    @Test("a library that doesn't declare itself unloadable stays mapped, and its copy with it")
    func others() throws {
        let generation = try load(Fixture.library("generation"))
        #expect(!generation.unload())
        #expect(try isMapped())
        #expect(try copies().count == 1)
    }

    @Test("a library that declares itself unloadable and can't be unmapped is said to stay")
    func pinnedByItself() throws {
        // What C++ unique symbols and thread-local destructors do as well.
        let library = try PluginSource.library(
            in: directory, members: ["traits": "BACKPLANE_TRAIT_UNLOADABLE"],
            options: ["-Wl,-z,nodelete"])
        let generation = try load(library)
        #expect(!generation.unload())
        #expect(try isMapped())
        #expect(try copies().count == 1)
    }

    @Test("an unloadable library whose load fails is unmapped, and its copy removed")
    func unloadableLoadFails() throws {
        let library = try PluginSource.library(
            in: directory,
            members: ["traits": "BACKPLANE_TRAIT_UNLOADABLE", "load": "load"],
            declarations: """
                static backplane_status_t load(
                    const backplane_host_t *host, backplane_error_t *error) {
                    (void)host;
                    return backplane_error_format(error, BACKPLANE_STATUS_UNAVAILABLE, "no");
                }
                """)
        #expect(throws: PluginError.self) { try load(library) }
        #expect(try !isMapped())
        #expect(try copies() == [])
    }

    @Test("a library that is refused after its code has run stays mapped, without its copy")
    func refused() throws {
        // What it is can't be known: unmapping Swift code would crash the next dynamic cast.
        #expect(throws: PluginError.self) { try load(Fixture.library("bad_magic")) }
        #expect(try isMapped())
        #expect(try copies() == [])
    }

    @Test("a library that the linker refuses leaves nothing mapped and no copy")
    func linkFails() throws {
        let library = try PluginSource.library(
            in: directory,
            declarations: """
                extern int backplane_test_missing(void);
                int uses_missing(void);
                int uses_missing(void) { return backplane_test_missing(); }
                """)
        #expect(throws: PluginError.self) { try load(library) }
        #expect(try !isMapped())
        #expect(try copies() == [])
    }

    // MARK: Swift libraries

    /// Swift's runtime keeps pointers into every Swift library it has seen: if one is unmapped, looking for a
    /// conformance among all of them crashes.
    @Test("dynamic casts work after a Swift library was loaded and unloaded, twice")
    func swiftLibrary() throws {
        for round in 1...2 {
            let plugin = try LoadedPlugin(Repository.product("libcounter.so"), store: store)
            #expect(try plugin.call().text == #"{"current":1}"#)
            #expect(try plugin.call("other_method", "41").text == "true")
            #expect(try plugin.call().text == #"{"current":42}"#)
            #expect(!plugin.finalize(), "round \(round)")
            try useDynamicCasts(round)
        }
        #expect(try isMapped())
    }

    private struct Unseen<Value: Codable>: Codable {
        var value: Value
    }

    /// Casts to protocols that no cast of these types has cached the conformance of.
    private func useDynamicCasts(_ round: Int) throws {
        let values: [Any] = [
            round, "text", [1, 2], ["key": [UUID()]], Unseen(value: [round]), directory,
        ]
        #expect(values.compactMap { $0 as? any Encodable }.count == 5)
        #expect(values.compactMap { $0 as? any Hashable }.count == 4)
        #expect(values.compactMap { $0 as? any Error }.isEmpty)
        #expect(values.compactMap { $0 as? any CustomReflectable }.count == 4)
        let encoded = try JSONEncoder().encode(Unseen(value: ["round": [round]]))
        #expect(String(decoding: encoded, as: UTF8.self) == #"{"value":{"round":[\#(round)]}}"#)
    }
}
