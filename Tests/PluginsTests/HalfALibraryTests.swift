import Foundation
import HostCore
import HostLoader
import Synchronization
import TestSupport
import Testing

/// Files that end too early. The dynamic linker would map them, and the host would die of SIGBUS at the first touch of
/// what is not there: they must be refused before.
@Suite struct HalfALibraryTests {
    private let directory: TemporaryDirectory
    private let store: LibraryStore
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        store = try LibraryStore()
        path = directory.file("libtest.so")
    }

    private func refusal(
        of bytes: some Collection<UInt8>, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> PluginError {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return try #require(throws: PluginError.self, sourceLocation: sourceLocation) {
            try store.copy(path, name: "test")
        }
    }

    @Test("a library that ends within its headers is refused at every length")
    func withinHeaders() throws {
        let library = try ELFFile(Fixture.library("generation"))
        for size in 4..<library.headersEnd {
            let error = try refusal(of: library.bytes.prefix(size))
            #expect(error.code == .notALibrary)
            try #require(
                error.message.hasPrefix(
                    "half a library: the file ends after \(size) bytes, within its headers"))
            #expect(error.message.hasSuffix("it is loaded when it has been written to the end"))
        }
    }

    @Test("a library that ends behind its headers is refused with both sizes, wherever it ends")
    func behindHeaders() throws {
        let library = try ELFFile(Fixture.library("generation"))
        let whole = library.bytes.count
        let middles = library.loadedSegments.map {
            library.segmentOffset($0) + library.segmentFileSize($0) / 2
        }
        let sizes =
            [library.headersEnd, library.endOfSegments, whole - 1]
            + middles.filter { $0 >= library.headersEnd }
            + stride(from: library.headersEnd, to: whole, by: 509)
        for size in sizes {
            let error = try refusal(of: library.bytes.prefix(size))
            #expect(error.code == .notALibrary)
            try #require(
                error.message.hasPrefix(
                    "half a library: the file has \(size) bytes and its headers promise \(whole);"))
        }
    }

    @Test("a library without section headers is served whole and refused without its last byte")
    func withoutSectionHeaders() throws {
        var library = try ELFFile(Fixture.library("generation"))
        library.removeSectionHeaders()
        let error = try refusal(of: library.bytes.dropLast())
        #expect(error.message.contains("and its headers promise \(library.bytes.count)"))

        try library.write(to: path)
        #expect(try LoadedPlugin(path).call().text == "1")
    }

    // What Clang links says a second time where they are.
    @Test(
        "a library whose program headers lie far behind is served whole and refused without them",
        .enabled(if: Sanitizer.current == nil))
    func distantProgramHeaders() throws {
        var library = try ELFFile(Fixture.library("cold_pages"))
        library.moveProgramHeaders(to: (library.bytes.count + 4096) & ~4095)
        let error = try refusal(of: library.bytes.dropLast())
        #expect(error.code == .notALibrary)
        #expect(error.message.hasPrefix("half a library"))

        try library.write(to: path)
        #expect(try LoadedPlugin(path).call().text == "42")
    }

    @Test("a library whose headers promise more bytes than a number can hold is refused")
    func overflowingSizes() throws {
        let whole = try ELFFile(Fixture.library("generation"))
        var library = whole
        let last = try #require(library.loadedSegments.last)
        library.setSegment(last, offset: UInt64.max - 4095, fileSize: 8192)
        #expect(try refusal(of: library.bytes).message.hasPrefix("half a library"))

        library = whole
        library.programHeaders = UInt64.max - 55
        #expect(try refusal(of: library.bytes).message.hasPrefix("half a library"))
    }

    @Test("a file that grows while it is copied is refused as still being written")
    func growingFile() async throws {
        // Big enough that the writer gets its turn before the copy ends, many times over.
        try FileManager.default.copyItem(atPath: Fixture.library("cold_pages"), toPath: path)
        let writer = Writer(appendingTo: path)
        defer { writer.stop() }
        try await Eventually.true { writer.hasWritten }
        // The kernel may copy it between two writes; then it was whole at that moment.
        let error = try await Eventually.value { () -> PluginError? in
            do {
                store.discard(try store.copy(path, name: "test"))
                return nil
            } catch {
                return error as? PluginError
            }
        }
        #expect(error.code == .notALibrary)
        let expected =
            "half a library: it is still being written; it is loaded when the writer has closed it"
        #expect(error.message == expected)
    }

    /// Appends to a file, byte after byte, from a thread of its own.
    private final class Writer: Sendable {
        private let isStopped = Atomic(false)
        private let writes = Atomic(0)

        var hasWritten: Bool { writes.load(ordering: .relaxed) > 0 }

        init(appendingTo path: String) {
            PluginThread.start(name: "writer") { [self] in
                let file = open(path, O_WRONLY | O_APPEND)
                defer { close(file) }
                while !isStopped.load(ordering: .relaxed) {
                    _ = write(file, "x", 1)
                    writes.add(1, ordering: .relaxed)
                }
            }
        }

        func stop() {
            isStopped.store(true, ordering: .relaxed)
        }
    }
}
