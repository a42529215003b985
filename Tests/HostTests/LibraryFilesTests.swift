import Foundation
import HostDeployment
import TestSupport
import Testing

/// Files that would end or stop a host, and what it is to do with them.
@Suite("Library files", .serialized)
struct LibraryFilesTests {
    // MARK: Libraries that end the host

    @Test(
        "A library that ended the host is not loaded at a later start, until an operator asks",
        arguments: [([], 2), (["IN_LOAD"], 2), (["ENDS_BY=SIGSEGV"], 1)])
    func endsTheHost(defines: [String], starts: Int) async throws {
        let directory = try TemporaryDirectory()
        let unless = directory.file("unless")
        let library = try Fixture.library(
            "ends_in_load", defines: defines + ["UNLESS=\"\(unless)\""])
        let state = ["--state-file", directory.file("state")]
        let plugins = ["libends.so": library, "libecho.so": Repository.product("libecho.so")]
        // One that ends without a word may have been killed by somebody.
        for _ in 0..<starts {
            await #expect(throws: (any Error).self) {
                _ = try await HostProcess(plugins: plugins, arguments: state)
            }
        }

        let host = try await HostProcess(plugins: plugins, arguments: state)
        try await host.wait(for: "echo") { $0.state == .serving }
        let held = try await host.wait(for: "ends") { $0.reason != nil }
        #expect(held.reason?.contains("the host ended while it was loading this very file") == true)
        #expect(held.reason?.contains("`backplane reload ends`") == true)
        #expect(held.state == .failed)
        // What was touched is still the same.
        _ = try await Program.run("touch", [host.path(of: "libends.so")])
        try await host.noticeChanges()
        #expect(host.isRunning)

        #expect(FileManager.default.createFile(atPath: unless, contents: nil))
        #expect(try await host.run("reload", "ends").status == 0)
        #expect(try await host.http.call("ends").text == "alive")
    }

    @Test(
        "A plugin whose create ends the host is held back, and none of those that start beside it")
    func endsInCreate() async throws {
        let directory = try TemporaryDirectory()
        let unless = directory.file("unless")
        let library = try Fixture.library("starts_as_told")
        let state = ["--state-file", directory.file("state")]
        let plugins = [
            "liba.so": library, "libm.so": library, "libz.so": library,
            "libecho.so": Repository.product("libecho.so"),
        ]
        let manifests = [
            "a": "user_config: slow", "m": "user_config: crash \(unless)", "z": "user_config: slow",
        ]
        await #expect(throws: (any Error).self) {
            let host = try await HostProcess(
                plugins: plugins, manifests: manifests, arguments: state)
            try await host.wait(for: "m") { $0.state == .serving }
        }

        let host = try await HostProcess(plugins: plugins, manifests: manifests, arguments: state)
        for name in ["echo", "a", "z"] {
            try await host.wait(for: name) { $0.state == .serving }
        }
        let held = try await host.wait(for: "m") { $0.reason != nil }
        #expect(held.reason?.contains("the host ended while it was loading this very file") == true)
        #expect(FileManager.default.createFile(atPath: unless, contents: nil))
        #expect(try await host.run("reload", "m").status == 0)
        #expect(try await host.http.call("m").status == 200)
    }

    @Test("In place of a library that ended the host another one is loaded by itself")
    func anotherVersion() async throws {
        let directory = try TemporaryDirectory()
        let state = ["--state-file", directory.file("state")]
        let library = try Fixture.library("ends_in_load", defines: ["ENDS_BY=SIGSEGV"])
        await #expect(throws: (any Error).self) {
            _ = try await HostProcess(plugins: ["libx.so": library], arguments: state)
        }
        let host = try await HostProcess(plugins: ["libx.so": library], arguments: state)
        try await host.wait(for: "x") { $0.reason != nil }
        try host.place(try Fixture.library("shout"), as: "libx.so")
        try await host.wait(for: "x") { $0.state == .serving }
    }

    @Test("A library with a hole is refused, and the one before serves on")
    func hole() async throws {
        let whole = try Fixture.library("shout")
        let host = try await HostProcess(plugins: ["libx.so": whole])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
        let torn = bytes.prefix(4096) + Data(count: bytes.count - 4096)
        let path = host.directory.file("torn.so")
        try torn.write(to: URL(fileURLWithPath: path))
        try host.place(path, as: "libx.so")
        let refused = try await host.wait(for: "x") { $0.reason != nil }
        #expect(refused.reason?.hasPrefix("a damaged library: ") == true)
        #expect(try await host.http.call("x").text == "HELLO")
    }

    // MARK: What is no file

    @Test(
        "A FIFO as a manifest, or as the library that a manifest names, is refused and stops nobody"
    )
    func fifos() async throws {
        let directory = try TemporaryDirectory()
        let fifo = directory.file("fifo")
        #expect(mkfifo(fifo, 0o600) == 0)
        let host = try await HostProcess()
        #expect(mkfifo(host.path(of: "a.yaml"), 0o600) == 0)
        try "library: \(fifo)\nmethods:\n  f: () -> void\n".write(
            toFile: host.path(of: "b.yaml"), atomically: true, encoding: .utf8)
        let link = host.path(of: "libc.so")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: fifo)
        try await host.copy(Repository.product("libecho.so"), as: "libecho.so")
        try await host.copy(Repository.product("libecho.so"), as: "liba.so")
        try await host.wait(for: "echo") { $0.state == .serving }
        for (name, reason) in [
            ("a", "it is a FIFO, not a regular file"), ("b", "it is a FIFO, not a regular file"),
            ("c", "it is a FIFO, not a regular file: put the library itself here"),
        ] {
            let status = try await host.wait(for: name) { $0.reason != nil }
            #expect(status.reason?.contains(reason) == true, "\(status.reason ?? "")")
        }
    }

    // MARK: Loads that fail

    @Test("Versions whose load fails are counted among those that are still mapped")
    func failedLoads() async throws {
        let host = try await HostProcess(
            plugins: ["libx.so": try Fixture.library("load_fails")],
            arguments: ["--max-retired-generations", "2"])
        try await host.wait(for: "x") { $0.retiredGenerations.count == 1 }
        #expect(try await host.run("reload", "x").status == 1)
        #expect(try await host.status(of: "x")?.retiredGenerations.count == 2)
        let refused = try await host.run("reload", "x")
        #expect(refused.errors.contains("2 retired generations are still mapped"))
    }

    @Test(
        "What is no plugin is refused before it is mapped, with the command that drafts a manifest")
    func noPlugin() async throws {
        let host = try await HostProcess(plugins: ["libx.so": try Fixture.library("no_entry")])
        let status = try await host.wait(for: "x") { $0.reason != nil }
        #expect(
            status.reason?.contains("`backplane inspect \(host.path(of: "libx.so"))`") == true)
        #expect(status.retiredGenerations == [])
    }

    // MARK: Coming and going

    @Test("A call that comes right behind the copy is answered")
    func copiedAndCalled() async throws {
        let host = try await HostProcess()
        let library = try Fixture.library("shout")
        for number in 0..<5 {
            try await host.copy(library, as: "lib\(number).so")
            #expect(try await host.http.call("\(number)").text == "HELLO")
        }
        #expect(try await host.http.call("none").status == 404)
        try await host.copy(try Fixture.library("load_fails"), as: "libfails.so")
        #expect(try await host.http.call("fails").status == 404)
    }

    @Test("Names of files that are gone and were never loaded are forgotten")
    func forgotten() async throws {
        let host = try await HostProcess()
        let names = (0..<40).map { "none\($0)" }
        for name in names {
            try Data("none".utf8).write(to: URL(fileURLWithPath: host.path(of: "lib\(name).so")))
        }
        try await Eventually.true { try await host.list().count == names.count }
        for name in names { try host.remove("lib\(name).so") }
        try await Eventually.true { try await host.list().isEmpty }
    }

    @Test("Of plugins that are gone and still mapped, the latest are listed")
    func departed() async throws {
        let host = try await HostProcess()
        let library = try Fixture.library("shout")
        for number in 0..<36 {
            try host.place(library, as: "lib\(number).so")
            try await host.wait(for: "\(number)") { $0.state == .serving }
            try host.remove("lib\(number).so")
            try await host.wait(for: "\(number)") { $0.state == .retired }
        }
        try await Eventually.true { try await host.list().count == 32 }
        #expect(try await host.status(of: "3") == nil)
        #expect(try await host.status(of: "35") != nil)
    }

    @Test("A library that a plugin brings along is taken up when it changes")
    func companion() async throws {
        let host = try await HostProcess()
        let libraries = host.path(of: "x.libs")
        try FileManager.default.createDirectory(
            atPath: libraries, withIntermediateDirectories: true)
        let (source, helper) = (host.directory.file("helper.c"), "\(libraries)/libhelper.so.1")
        func makeHelper(_ text: String) throws {
            try "const char *help(void); const char *help(void) { return \"\(text)\"; }\n".write(
                toFile: source, atomically: true, encoding: .utf8)
            try Fixture.compile(
                source: source, to: "\(helper).new",
                options: ["-fvisibility=default", "-Wl,-soname,libhelper.so.1"])
            #expect(rename("\(helper).new", helper) == 0)
        }
        try makeHelper("one")
        let plugin = host.directory.file("plugin.c")
        let shout = try String(
            contentsOfFile: Repository.path("Tests/Fixtures/shout.c"), encoding: .utf8)
        try ("const char *help(void);\n" + shout.replacing("\"HELLO\"", with: "help()")).write(
            toFile: plugin, atomically: true, encoding: .utf8)
        let made = host.directory.file("made.so")
        try Fixture.compile(
            source: plugin, to: made,
            options: ["-Wl,--no-as-needed", helper, "-Wl,-rpath,$ORIGIN/x.libs"])
        try host.place(made, as: "libx.so")
        try await host.wait(for: "x") { $0.state == .serving }
        #expect(try await host.http.call("x").text == "one")
        try makeHelper("two")
        try await Eventually.true { try await host.http.call("x").text == "two" }
        #expect(try await host.list().map(\.name) == ["x"])
    }
}
