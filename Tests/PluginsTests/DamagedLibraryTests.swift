import Foundation
import HostCore
import HostWorkers
import TestSupport
import Testing

@testable import HostLoader
@testable import HostPlugins

/// Libraries with holes: of the full size, and with something else in the place of some bytes. What passes the check
/// goes to the dynamic linker, which believes all that it reads.
@Suite struct DamagedLibraryTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func check(_ bytes: [UInt8]) throws {
        let path = directory.file("libtest.so")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try check(path)
    }

    private func check(_ path: String) throws {
        let file = try RegularFile.open(path)
        defer { close(file) }
        let size = try #require(
            try FileManager.default.attributesOfItem(
                atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)[.size] as? Int)
        let bytes = try MappedBytes(file, count: size)
        let image = try ELFImage(size: UInt64(size)) { offset, count throws(PluginError) in
            guard Int(offset) < size else { return [] }
            return bytes.bytes(Int(offset), min(count, size - Int(offset)))
        }
        try image.requireWhole()
        _ = try ELFCheck(image, bytes)
    }

    private func isRefused(_ bytes: [UInt8]) throws -> Bool {
        do {
            try check(bytes)
            return false
        } catch let error as PluginError {
            #expect(error.code == .notALibrary, "\(error.message)")
            return true
        }
    }

    // MARK: Real ones

    @Test("the libraries of the system and of the Swift runtime pass, stripped ones too")
    func realLibraries() throws {
        let swift = Tool.swiftTool("../lib/swift/linux")
        var checked = 0
        for folder in ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", swift] {
            let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for file in files where file.contains(".so") {
                let path = "\(folder)/\(file)"
                // Each once, and not the few that take longer than all others.
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                guard attributes[.type] as? FileAttributeType == .typeRegular,
                    (attributes[.size] as? Int ?? 0) < 4 << 20
                else { continue }
                guard let handle = FileHandle(forReadingAtPath: path),
                    handle.readData(ofLength: 4) == Data([0x7F] + "ELF".utf8)
                else { continue }
                do {
                    try check(path)
                } catch {
                    Issue.record("\(path): \(error)")
                }
                checked += 1
            }
        }
        #expect(checked > 10)
    }

    @Test(
        "what this machine's tools make passes",
        .enabled(if: Sanitizer.current == nil, "the toolchain's linker has fewer options"),
        arguments: [[], ["-Wl,--hash-style=sysv"]])
    func ownLibraries(options: [String]) throws {
        let strip = try PluginSource.library(in: directory, options: options + ["-s"])
        try check(strip)
        let packed = options + ["-Wl,-z,pack-relative-relocs"]
        try check(PluginSource.library(in: directory, options: packed))
    }

    // MARK: Torn ones

    @Test("a library that is zeros or noise from some offset on is refused, wherever that is")
    func tornTail() throws {
        let whole = try ELFFile(Fixture.library("generation")).bytes
        var generator = SplitMix64(seed: 1)
        for start in Swift.stride(from: 64, to: whole.count - 1024, by: 251) {
            var zeros = whole
            zeros.replaceSubrange(start..., with: [UInt8](repeating: 0, count: whole.count - start))
            #expect(try isRefused(zeros), "zeros from \(start)")
            let noise = (start..<whole.count).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            #expect(try isRefused(whole[..<start] + noise), "noise from \(start)")
        }
    }

    @Test("a hole of a block in the tables or in the code is refused")
    func holes() throws {
        var library = try ELFFile(Fixture.library("generation"))
        library.removeSectionHeaders()
        // What the dynamic linker reads first stands at the beginning.
        for start in Swift.stride(from: 0, to: 1024, by: 64) {
            var bytes = library.bytes
            bytes.replaceSubrange(start..<start + 512, with: [UInt8](repeating: 0, count: 512))
            #expect(try isRefused(bytes), "\(start)")
        }
        let big = try PluginSource.library(
            in: directory,
            declarations: "void fill(void); void fill(void) { __asm__(\".fill 9000, 1, 0x90\"); }",
            options: ["-s"])
        var bytes = try ELFFile(big).bytes
        let code = try #require(bytes.firstRange(of: [UInt8](repeating: 0x90, count: 4096)))
        let block = (code.lowerBound / 512 + 2) * 512
        bytes.replaceSubrange(block..<block + 512, with: [UInt8](repeating: 0, count: 512))
        let error = #expect(throws: PluginError.self) { try check(bytes) }
        #expect(error?.message.contains("there is a hole in its code, at byte \(block)") == true)
    }

    // MARK: Random ones

    /// A library that is changed in one of the ways in which files are damaged.
    private func damaged(_ whole: [UInt8], _ generator: inout SplitMix64) -> [UInt8] {
        var bytes = whole
        let start = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
            }
        case 1, 2:
            let end = min(bytes.count, start + Int.random(in: 1...2048, using: &generator))
            for index in start..<end { bytes[index] = 0 }
        default:
            let end = min(bytes.count, start + Int.random(in: 1...64, using: &generator))
            for index in start..<end { bytes[index] = .random(in: 0...255, using: &generator) }
        }
        return bytes
    }

    @Test("no damage ends the check, and what passes ends no dynamic linker, its code aside")
    func fuzz() throws {
        let library = try PluginSource.library(in: directory, options: ["-s"])
        let whole = try ELFFile(library).bytes
        var generator = SplitMix64(seed: 2026)
        var accepted: [String] = []
        let code = try codeRange(of: whole)
        for number in 0..<2000 {
            let bytes = damaged(whole, &generator)
            guard try !isRefused(bytes) else { continue }
            // Whether instructions are the right ones nothing in the file tells.
            guard bytes[code] == whole[code] else { continue }
            let path = directory.file("accepted-\(number).so")
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            accepted.append(path)
        }
        #expect(accepted.count > 50)
        let opener = try opener()
        var crashes: [Substring] = []
        for start in Swift.stride(from: 0, to: accepted.count, by: 200) {
            let some = Array(accepted[start..<min(start + 200, accepted.count)])
            crashes += try Tool.run(opener, some).split(separator: "\n")
        }
        // Known to be left: a changed index of a symbol, or a changed address within the library's variables.
        #expect(crashes.count <= accepted.count / 50, "\(crashes)")
    }

    /// The bytes of a library's executable segment.
    private func codeRange(of bytes: [UInt8]) throws -> Range<Int> {
        let image = try ELFImage(size: UInt64(bytes.count)) { offset, count in
            Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)])
        }
        let segment = try #require(image.segments.first { $0.kind == .load && $0.isExecutable })
        return Int(segment.offset)..<Int(segment.offset + segment.fileSize)
    }

    /// A program that opens each library in a process of its own, and prints those that end it.
    private func opener() throws -> String {
        let source = """
            #include <dlfcn.h>
            #include <stdio.h>
            #include <sys/wait.h>
            #include <unistd.h>
            int main(int count, char **paths) {
                for (int i = 1; i < count; i++) {
                    pid_t child = fork();
                    if (child == 0) {
                        alarm(20);
                        _exit(dlopen(paths[i], RTLD_NOW) != NULL ? 0 : 1);
                    }
                    int status;
                    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
                        printf("%s: signal %d\\n", paths[i], WTERMSIG(status));
                }
                return 0;
            }

            """
        let (file, program) = (directory.file("opener.c"), directory.file("opener"))
        try source.write(toFile: file, atomically: true, encoding: .utf8)
        try Tool.run("cc", ["-D_GNU_SOURCE", "-std=c11", file, "-o", program, "-ldl"])
        return program
    }
}
