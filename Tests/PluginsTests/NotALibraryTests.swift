import Foundation
import HostCore
import HostLoader
import HostWorkers
import TestSupport
import Testing

/// What lies in a plugins directory and is no library for this machine.
@Suite struct NotALibraryTests {
    private let directory: TemporaryDirectory
    private let store: LibraryStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try LibraryStore()
    }

    private func refusal(
        of path: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> PluginError {
        let error = try #require(throws: PluginError.self, sourceLocation: sourceLocation) {
            try store.copy(path, name: "test")
        }
        // A refused file leaves no copy behind.
        let left = try FileManager.default.contentsOfDirectory(atPath: store.directory)
        #expect(left == ["lock"], sourceLocation: sourceLocation)
        return error
    }

    private func file(_ content: [UInt8]) throws -> String {
        let path = directory.file("libtest.so")
        try Data(content).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test("a text file is refused as no library")
    func textFile() throws {
        let error = try refusal(of: file(Array("GROUP ( libc.so.6 )\n".utf8)))
        #expect(error.code == .notALibrary)
        #expect(error.message.contains("does not begin with an ELF header; put a compiled"))
    }

    @Test("an empty file is refused as empty")
    func emptyFile() throws {
        let error = try refusal(of: file([]))
        #expect(error.code == .notALibrary)
        #expect(error.message == "the file is empty; copy the library again")
    }

    @Test("a directory is refused as no file")
    func aDirectory() throws {
        let error = try refusal(of: directory.makeDirectory("libtest.so"))
        #expect(error.code == .notALibrary)
        #expect(
            error.message == "it is a directory, not a regular file: put the library itself here")
    }

    @Test("a FIFO that nobody writes to is refused at once")
    func fifo() async throws {
        let (store, path) = (store, directory.file("libtest.so"))
        try #require(mkfifo(path, 0o600) == 0)
        let error = try await #require(throws: PluginError.self) {
            try await PluginThread.run(name: "test", what: "copy", timeout: .seconds(20)) {
                () throws(PluginError) in try store.copy(path, name: "test")
            }
        }
        #expect(error.code == .notALibrary)
        #expect(error.message == "it is a FIFO, not a regular file: put the library itself here")
    }

    @Test("a device is refused as no file")
    func device() throws {
        #expect(
            try refusal(of: "/dev/null").message.hasPrefix("it is a device, not a regular file"))
    }

    @Test("a file that isn't there is refused with its path and the reason")
    func missing() throws {
        let error = try refusal(of: directory.file("libnone.so"))
        #expect(error.code == .unreadable)
        let expected = "cannot read \(directory.file("libnone.so")): No such file or directory"
        #expect(error.message == expected)
    }

    @Test("a symbolic link to nowhere is refused with the reason")
    func danglingLink() throws {
        let path = directory.file("libtest.so")
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: directory.file("gone"))
        let error = try refusal(of: path)
        #expect(error.code == .unreadable)
        #expect(error.message.contains("No such file or directory"))
    }

    @Test("a file without read permission is refused with the reason", .enabled(if: getuid() != 0))
    func unreadable() throws {
        let path = try file([0x7F])
        try #require(chmod(path, 0) == 0)
        let error = try refusal(of: path)
        #expect(error.code == .unreadable)
        #expect(error.message.contains("Permission denied"))
    }

    @Test("an object file is refused with the linker option it lacks")
    func objectFile() throws {
        let path = try PluginSource.compile(
            "int answer = 42;\n", in: directory, options: ["-c", "-Wno-unused"])
        let error = try refusal(of: path)
        #expect(error.code == .notALibrary)
        #expect(error.message == "an ELF file but not a shared library: link it with -shared")
    }

    @Test("an executable is refused with the linker option it lacks")
    func executable() throws {
        let source = directory.file("main.c")
        try "int main(void) { return 0; }\n"
            .write(toFile: source, atomically: true, encoding: .utf8)
        try Tool.run("cc", ["-no-pie", source, "-o", directory.file("main")])
        let error = try refusal(of: directory.file("main"))
        #expect(error.code == .notALibrary)
        #expect(error.message == "an ELF file but not a shared library: link it with -shared")
    }

    @Test("a position-independent executable, which looks like a library, is refused as what it is")
    func positionIndependentExecutable() throws {
        let source = directory.file("main.c")
        try "int main(void) { return 0; }\n"
            .write(toFile: source, atomically: true, encoding: .utf8)
        try Tool.run("cc", ["-fPIE", "-pie", source, "-o", directory.file("main")])
        let error = try refusal(of: directory.file("main"))
        #expect(error.code == .notALibrary)
        #expect(error.message.contains("position-independent executable"))
    }

    @Test("a library for another processor is refused with both processors")
    func otherMachine() throws {
        var library = try ELFFile(Fixture.library("generation"))
        let own = library.machine
        library.machine = own == 183 ? 62 : 183
        let error = try refusal(of: file(library.bytes))
        #expect(error.code == .notALibrary)
        let expected = "(ELF machine \(library.machine)): rebuild it for this one (\(own))"
        #expect(error.message.contains(expected))
    }

    @Test("a 32-bit library and a big-endian one are refused as another machine's")
    func otherWordSizeOrByteOrder() throws {
        let library = try ELFFile(Fixture.library("generation"))
        var small = library
        small.elfClass = 1
        var bigEndian = library
        bigEndian.byteOrder = 2
        for other in [small, bigEndian] {
            let error = try refusal(of: file(other.bytes))
            #expect(error.code == .notALibrary)
            let expected = "this host loads 64-bit little-endian ones: rebuild it for this one"
            #expect(error.message.contains(expected))
        }
    }
}
