import Foundation
import HostCore
import HostLoader
import HostPlugins
import TestSupport
import Testing

@Suite struct LibraryStoreTests {
    private let candidate: TemporaryDirectory

    init() throws {
        candidate = try TemporaryDirectory()
    }

    private func store() throws -> LibraryStore {
        try LibraryStore(candidates: [candidate.path])
    }

    private func mode(of path: String) throws -> Int {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return Int(status.st_mode & 0o7777)
    }

    @Test("it looks for the entry function of the ABI")
    func entrySymbol() {
        #expect(LibraryStore.entrySymbol == PluginDescriptor.entrySymbol)
    }

    // MARK: Copies

    @Test("a copy has the content of the file, and neither it nor its directory is for others")
    func content() throws {
        let store = try store()
        let library = try Fixture.library("generation")
        let copy = try store.copy(library, name: "test")
        #expect(FileManager.default.contentsEqual(atPath: copy.path, andPath: library))
        #expect(copy.path.hasPrefix(store.directory + "/test-"))
        #expect(copy.path.hasSuffix(".so"))
        #expect(try mode(of: copy.path) == 0o700)
        #expect(try mode(of: store.directory) == 0o700)
        #expect(store.directory.hasPrefix(candidate.path + "/"))
    }

    @Test("no two copies have the same name, be the content the same and the last one gone")
    func names() throws {
        let store = try store()
        let library = try Fixture.library("generation")
        var names: Set<String> = []
        for _ in 1...5 {
            let copy = try store.copy(library, name: "test")
            #expect(names.insert(copy.path).inserted)
            store.discard(copy)
            #expect(!FileManager.default.fileExists(atPath: copy.path))
        }
    }

    @Test("copies made at once on several threads are whole and have names of their own")
    func namesInParallel() async throws {
        let store = try store()
        let library = try Fixture.library("generation")
        let copies = try await InParallel.run(threads: 4) { _ in
            try (1...5).map { _ in try store.copy(library, name: "test") }
        }.flatMap { $0 }
        #expect(Set(copies.map(\.path)).count == 20)
        #expect(Set(copies.map(\.fingerprint)).count == 1)
        for copy in copies {
            #expect(FileManager.default.contentsEqual(atPath: copy.path, andPath: library))
        }
    }

    @Test("the fingerprint is the FNV-1a hash of the content, and changes with its last byte")
    func fingerprint() throws {
        let store = try store()
        var library = try ELFFile(Fixture.library("generation"))
        let path = candidate.file("libtest.so")
        var fingerprints: Set<UInt64> = []
        for last in UInt8(1)...2 {
            library.bytes[library.bytes.count - 1] = last
            try library.write(to: path)
            let expected = library.bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
                ($0 ^ UInt64($1)) &* 0x100_0000_01B3
            }
            let copy = try store.copy(path, name: "test")
            #expect(copy.fingerprint == expected)
            #expect(copy.path.contains(String(expected, radix: 16)))
            fingerprints.insert(copy.fingerprint)
        }
        #expect(fingerprints.count == 2)
    }

    @Test("a file that may only be read is copied, and the copy may be executed")
    func readOnlyFile() throws {
        let path = candidate.file("libtest.so")
        try FileManager.default.copyItem(atPath: Fixture.library("generation"), toPath: path)
        try #require(chmod(path, 0o400) == 0)
        let store = try store()
        #expect(try mode(of: store.copy(path, name: "test").path) == 0o700)
    }

    // MARK: The directory

    @Test("a store's directory goes with the store")
    func removal() throws {
        var store: LibraryStore? = try store()
        let directory = try #require(store?.directory)
        _ = try store?.copy(Fixture.library("generation"), name: "test")
        #expect(FileManager.default.fileExists(atPath: directory))
        store = nil
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    @Test("a store's directory has its name also where its parent's is not ASCII")
    func unusualParent() throws {
        let parent = try candidate.makeDirectory("größe")
        for path in [parent, parent + "/"] {
            let store = try LibraryStore(candidates: [path])
            let name = URL(fileURLWithPath: store.directory).lastPathComponent
            #expect(name.hasPrefix("backplane-libraries-"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: parent) == [name])
        }
    }

    @Test("a directory that its process left behind is removed by the next store")
    func staleDirectory() throws {
        let stale = try leftBehind("backplane-libraries-stale0")
        let store = try store()
        #expect(!FileManager.default.fileExists(atPath: stale))
        #expect(FileManager.default.fileExists(atPath: store.directory))
    }

    @Test("a directory whose process lives is left alone until that process is gone")
    func liveDirectory() async throws {
        let live = try leftBehind("backplane-libraries-live00")
        let holder = try await LockHolder(of: live + "/lock")
        let first = try store()
        #expect(try FileManager.default.contentsOfDirectory(atPath: live).count == 2)
        holder.end()
        let second = try store()
        #expect(!FileManager.default.fileExists(atPath: live))
        #expect(FileManager.default.fileExists(atPath: first.directory))
        #expect(FileManager.default.fileExists(atPath: second.directory))
    }

    @Test("what is no store's directory is left alone")
    func foreignDirectories() throws {
        // One that a store has made and not locked yet, one with another name, a link, a file.
        let unlocked = try candidate.makeDirectory("backplane-libraries-new000")
        let other = try leftBehind("other-libraries-000000")
        let elsewhere = try TemporaryDirectory()
        try makeLibraries(in: elsewhere.path)
        let link = candidate.file("backplane-libraries-link00")
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: elsewhere.path)
        let file = candidate.file("backplane-libraries-file00")
        try Data().write(to: URL(fileURLWithPath: file))

        _ = try store()
        for path in [unlocked, other, link, file, elsewhere.file("lock")] {
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("stores made at once in one place don't take each other's directories away")
    func manyStores() async throws {
        let path = candidate.path
        let library = try Fixture.library("generation")
        let errors = try await InParallel.run(threads: 8) { _ in
            (1...50).compactMap { _ -> String? in
                do {
                    _ = try LibraryStore(candidates: [path]).copy(library, name: "test")
                    return nil
                } catch {
                    return "\(error)"
                }
            }
        }
        #expect(errors.flatMap { $0 } == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
    }

    // MARK: Candidates

    @Test("a candidate that isn't there or isn't a directory is skipped")
    func missingCandidates() throws {
        let file = candidate.file("file")
        try Data().write(to: URL(fileURLWithPath: file))
        let store = try LibraryStore(candidates: [candidate.file("none"), file, candidate.path])
        #expect(store.directory.hasPrefix(candidate.path + "/backplane-libraries-"))
    }

    @Test("a candidate that forbids execution is skipped", .enabled(if: NoExecMount.isPossible))
    func withoutExecution() throws {
        let mount = try NoExecMount()
        let store = try LibraryStore(candidates: [mount.path, candidate.path])
        #expect(store.directory.hasPrefix(candidate.path + "/"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: mount.path) == [])
    }

    @Test("a store without any usable candidate says which it tried and what to set")
    func noCandidate() throws {
        let none = candidate.file("none")
        let error = try #require(throws: PluginError.self) {
            try LibraryStore(candidates: [none, "/proc"])
        }
        #expect(error.code == .unreadable)
        #expect(error.message.contains("none of \(none), /proc can be written to"))
        #expect(error.message.hasSuffix("set TMPDIR to one that does"))
    }

    @Test("the places tried by default are absolute, and the system's come last")
    func defaultCandidates() {
        let candidates = LibraryStore.defaultCandidates
        #expect(candidates.suffix(2) == ["/tmp", "/var/tmp"])
        #expect(candidates.allSatisfy { $0.hasPrefix("/") })
    }

    // MARK: Details

    private func leftBehind(_ name: String) throws -> String {
        let path = try candidate.makeDirectory(name)
        try makeLibraries(in: path)
        return path
    }

    private func makeLibraries(in directory: String) throws {
        for name in ["lock", "test-1.so"] {
            try Data().write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
        }
    }
}

/// Another process that holds a lock as a host holds its store's.
private final class LockHolder: @unchecked Sendable {
    // Sendable: only one test uses it, one step after the other.
    private let process = Process()
    private let input = Pipe()

    init(of file: String) async throws {
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Ends when its input does.
        process.arguments = ["flock", file, "sh", "-c", "echo held; exec cat"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let said = output.fileHandleForReading.readData(ofLength: 5)
        try #require(said == Data("held\n".utf8))
    }

    func end() {
        input.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }
}

/// A file system that forbids execution, mounted as long as the object lives.
private final class NoExecMount {
    private let directory: TemporaryDirectory
    let path: String

    static let isPossible = (try? NoExecMount()) != nil

    init() throws {
        directory = try TemporaryDirectory()
        path = try directory.makeDirectory("mount")
        try Tool.run("mount", ["-t", "tmpfs", "-o", "noexec", "tmpfs", path])
    }

    deinit {
        _ = try? Tool.run("umount", [path])
    }
}
