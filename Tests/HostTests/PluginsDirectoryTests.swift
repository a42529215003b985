import Foundation
import HostDeployment
import TestSupport
import Testing

/// A host follows what happens in its plugins directory.
@Suite("The plugins directory", .serialized)
struct PluginsDirectoryTests {
    private func version(_ number: Int) throws -> String {
        try Fixture.library("generation", defines: ["VERSION=\"\(number)\""])
    }

    /// The least of a few measures, up to the first that is within the limit: other tests keep the machine busy.
    private func leastTime(_ measure: (Int) async throws -> Duration) async throws -> Duration {
        var least = Duration.seconds(60)
        for attempt in 0..<20 where least > .seconds(1) {
            least = min(least, try await measure(attempt))
        }
        return least
    }

    // MARK: Coming and going

    @Test("A library that is copied in is served within a second")
    func copiedIn() async throws {
        let host = try await HostProcess()
        let time = try await leastTime { attempt in
            let start = ContinuousClock.now
            try await host.copy(Repository.product("libecho.so"), as: "libfoo\(attempt).so")
            try await Eventually.true {
                try await host.http.call("foo\(attempt)", nil, "hi").status == 200
            }
            return ContinuousClock.now - start
        }
        #expect(time < .seconds(1))
        #expect(try await host.http.call("foo0", nil, "hi").text == "hi")
        #expect(try await host.http.send("GET", "/-/routes").text.contains("/foo0"))
    }

    @Test("A library that is removed is a 404 within a second, and list says retired")
    func removed() async throws {
        let host = try await HostProcess(plugins: ["echo.so": Repository.product("libecho.so")])
        let time = try await leastTime { attempt in
            let name = "libfoo\(attempt).so"
            try host.place(Repository.product("libecho.so"), as: name)
            try await host.wait(for: "foo\(attempt)") { $0.state == .serving }
            let start = ContinuousClock.now
            try host.remove(name)
            try await Eventually.true {
                try await host.http.call("foo\(attempt)").status == 404
            }
            return ContinuousClock.now - start
        }
        #expect(time < .seconds(1))
        let foo = try await host.wait(for: "foo0") { $0.state == .retired }
        #expect(foo.generation == nil)
        #expect(foo.route == nil)
        #expect(foo.reason == nil)
        #expect(foo.retiredGenerations.count == 1)
        #expect(!(try await host.http.send("GET", "/-/routes").text.contains("/foo0")))
        let row = try await host.run("list").output.split(separator: "\n")
            .first { $0.hasPrefix("foo0 ") }
        #expect(row?.contains(" retired ") == true)
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    @Test("A library that went and came again is served again, as a new generation")
    func cameAgain() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        let first = try #require(try await host.generation(of: "generation"))
        try host.remove("generation.so")
        try await host.wait(for: "generation") { $0.state == .retired }
        try await host.copy(try version(2), as: "generation.so")
        let again = try await host.wait(for: "generation") { $0.state == .serving }
        #expect(try await host.http.call("generation").text == "2")
        #expect(try #require(again.generation) > first)
    }

    @Test("A library is not touched while it is written, however slowly, and served when closed")
    func slowCopy() async throws {
        let host = try await HostProcess()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Repository.product("libecho.so")))
        let path = host.path(of: "libslow.so")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        try await host.wait(for: "slow") { $0.reason?.contains("the file is empty") == true }
        let writer = try #require(FileHandle(forWritingAtPath: path))

        let pieces = 4
        for piece in 0..<pieces {
            let start = bytes.count * piece / pieces
            writer.write(bytes[start..<(bytes.count * (piece + 1) / pieces)])
            try await host.noticeChanges()
            let status = try #require(try await host.status(of: "slow"))
            // Still what the creation led to: no other look was taken at it.
            #expect(status.state == .failed)
            #expect(status.reason?.contains("the file is empty") == true)
        }
        #expect(host.logCount(of: "plugin=slow") == 1)

        try writer.close()
        try await host.wait(for: "slow") { $0.state == .serving && $0.reason == nil }
        #expect(try await host.http.call("slow", nil, "whole").text == "whole")
    }

    @Test("A library that is overwritten where it stands is never torn, and the new one serves")
    func overwrittenSlowly() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: try version(2)))
        let writer = try #require(FileHandle(forWritingAtPath: host.path(of: "generation.so")))
        try writer.truncate(atOffset: 0)
        for piece in 0..<4 {
            let start = bytes.count * piece / 4
            writer.write(bytes[start..<(bytes.count * (piece + 1) / 4)])
            try await host.noticeChanges()
            #expect(try await host.http.call("generation").text == "1")
        }
        try writer.close()
        try await host.wait(for: "generation") { $0.version == "2" }
        #expect(try await host.http.call("generation").text == "2")
        #expect(host.logCount(of: "plugin=generation", "not served") == 0)
    }

    @Test(
        "Files that are no libraries by their names are left alone",
        arguments: [".libfoo.so", "libfoo.so.tmp", "foo.txt", "lib.so", ".so", "libfoo.so~"])
    func otherNames(file: String) async throws {
        let host = try await HostProcess()
        try host.place(Repository.product("libecho.so"), as: file)
        try await host.noticeChanges()
        #expect(try await host.list().allSatisfy { $0.name.hasPrefix("marker") })
    }

    @Test(
        "A name that can't be a route is refused with what to do, and others keep serving",
        arguments: ["libfoo bar.so", "lib-foo.so", "libf\u{F6}o.so", "lib..so", "libfoo%2Fbar.so"])
    func nameThatIsNoRoute(file: String) async throws {
        let host = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        let name = String(file.dropFirst(3).dropLast(3))
        try host.place(Repository.product("libecho.so"), as: file)
        let status = try await host.wait(for: name) { $0.state == .failed }
        #expect(
            status.reason
                == "\(name) can't be a route: name the file lib<name>.so with letters, digits, '-', '_' and '.'"
        )
        #expect(status.path == host.path(of: file))
        #expect(try await host.http.call("echo", nil, "still").text == "still")
        // Renamed, it is served.
        #expect(rename(host.path(of: file), host.path(of: "libgood.so")) == 0)
        try await host.wait(for: "good") { $0.state == .serving }
        try await host.waitUntilForgotten(name)
    }

    @Test("Names with all that a route may have are served")
    func nameThatIsARoute() async throws {
        let host = try await HostProcess(
            plugins: ["libFoo-2_b.v1.so": Repository.product("libecho.so")])
        #expect(try await host.http.call("Foo-2_b.v1", nil, "hi").text == "hi")
    }

    // MARK: Changed or not

    @Test("A file that is touched or written again as it was makes no new generation")
    func touched() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        let before = try #require(try await host.generation(of: "generation"))
        for _ in 0..<3 {
            _ = try await Program.run("touch", [host.path(of: "generation.so")])
            try await host.noticeChanges()
            try await host.copy(try version(1), as: "generation.so")
            try await host.noticeChanges()
            try host.place(try version(1), as: "generation.so")
            try await host.noticeChanges()
        }
        try await host.wait(for: "generation") { $0.state == .serving }
        #expect(try await host.generation(of: "generation") == before)
        #expect(host.logCount(of: "plugin=generation", "serving") == 1)

        #expect(try await host.run("reload", "generation").status == 0)
        #expect(try #require(try await host.generation(of: "generation")) > before)
    }

    @Test("A new version is taken whether it is copied over the old one or renamed over it")
    func newVersion() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        try await host.copy(try version(2), as: "generation.so")
        try await host.wait(for: "generation") { $0.version == "2" }
        #expect(try await host.http.call("generation").text == "2")
        try host.place(try version(3), as: "generation.so")
        let third = try await host.wait(for: "generation") {
            $0.version == "3" && $0.state == .serving
        }
        #expect(try await host.http.call("generation").text == "3")
        #expect(third.reason == nil)
    }

    @Test("Many versions in a burst end with the last one")
    func burst() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        let versions = try (2...8).map(version)
        for library in versions { try host.place(library, as: "generation.so") }
        try await host.wait(for: "generation") { $0.version == "8" && $0.state == .serving }
        try await host.noticeChanges()
        #expect(try await host.http.call("generation").text == "8")
    }

    // MARK: Two files of one name

    @Test("Of two files with one name the first serves, and the other one when that is removed")
    func duplicate() async throws {
        let host = try await HostProcess(plugins: ["libtwin.so": try version(1)])
        try host.place(try version(2), as: "twin.so")
        let refused = try await Eventually.value {
            try await host.list().first { $0.path == host.path(of: "twin.so") && $0.reason != nil }
        }
        #expect(
            refused.reason
                == "the name twin is taken by libtwin.so, which goes on serving; rename or remove one"
        )
        #expect(refused.state == .failed)
        #expect(try await host.http.call("twin").text == "1")

        try host.remove("libtwin.so")
        try await Eventually.true { try await host.http.call("twin").text == "2" }
        let heir = try #require(
            try await host.list().first { $0.path == host.path(of: "twin.so") })
        #expect(heir.state == .serving)
        #expect(heir.reason == nil)
    }

    @Test("When the refused one of two files with one name goes, the first serves on")
    func duplicateRemoved() async throws {
        let host = try await HostProcess(plugins: ["libtwin.so": try version(1)])
        try host.place(try version(2), as: "twin.so")
        try await Eventually.true { try await host.list().count == 2 }
        try host.remove("twin.so")
        try await Eventually.true { try await host.list().count == 1 }
        #expect(try await host.http.call("twin").text == "1")
    }

    @Test("A name is free again when both of its files have gone")
    func duplicatesGone() async throws {
        let host = try await HostProcess(plugins: ["libtwin.so": try version(1)])
        try host.place(try version(2), as: "twin.so")
        try await Eventually.true { try await host.list().count == 2 }
        try host.remove("libtwin.so")
        try await Eventually.true { try await host.http.call("twin").text == "2" }
        try host.remove("twin.so")
        try await Eventually.true { try await host.http.call("twin").status == 404 }
        try await host.noticeChanges()
        let gone = try await host.list().filter { $0.name == "twin" }
        try host.place(try version(3), as: "twin.so")
        #expect(gone.allSatisfy { $0.state == .retired && $0.reason == nil })
        try await Eventually.true { try await host.http.call("twin").text == "3" }
    }

    @Test("A good file takes the name of a broken one that is removed")
    func heirOfBroken() async throws {
        let host = try await HostProcess(
            plugins: ["libtwin.so": try Fixture.library("no_entry")])
        try await host.wait(for: "twin") { $0.state == .failed }
        try host.place(try version(2), as: "twin.so")
        try await Eventually.true { try await host.list().count == 2 }
        try host.remove("libtwin.so")
        try await Eventually.true { try await host.http.call("twin").text == "2" }
    }

    // MARK: The directory itself

    @Test("A directory that is removed and made again is followed again")
    func directoryReplaced() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        try FileManager.default.removeItem(atPath: host.pluginsDirectory)
        try await Eventually.true { try await host.http.call("generation").status == 404 }
        #expect(host.logCount(of: " warning ", host.pluginsDirectory) == 1)

        _ = try host.directory.makeDirectory("plugins.d")
        try await host.copy(try version(2), as: "generation.so")
        try await host.wait(for: "generation") { $0.version == "2" && $0.state == .serving }
        try await host.copy(try version(3), as: "generation.so")
        try await host.wait(for: "generation") { $0.version == "3" }
        #expect(try await host.http.call("generation").text == "3")
    }

    @Test("A directory that another one takes the place of is looked at again")
    func directoryRenamed() async throws {
        let host = try await HostProcess(plugins: ["generation.so": try version(1)])
        let next = try host.directory.makeDirectory("next")
        try Fixture.place(try version(2), as: "generation.so", in: next)
        try Fixture.place(Repository.product("libecho.so"), as: "libecho.so", in: next)
        #expect(rename(host.pluginsDirectory, host.directory.file("previous")) == 0)
        #expect(rename(next, host.pluginsDirectory) == 0)
        try await host.wait(for: "generation") { $0.version == "2" && $0.state == .serving }
        try await host.wait(for: "echo") { $0.state == .serving }
        #expect(try await host.http.call("generation").text == "2")
    }

    @Test(
        "A library that is linked in is served like one that is copied in",
        arguments: ["symbolic", "hard"])
    func linkedIn(kind: String) async throws {
        let host = try await HostProcess()
        // A hard link needs the same file system.
        let elsewhere = host.directory.file("elsewhere.so")
        try FileManager.default.copyItem(atPath: try version(1), toPath: elsewhere)
        let target = host.path(of: "generation.so")
        try kind == "hard"
            ? FileManager.default.linkItem(atPath: elsewhere, toPath: target)
            : FileManager.default.createSymbolicLink(
                atPath: target, withDestinationPath: elsewhere)
        try await host.wait(for: "generation") { $0.state == .serving }
    }
}
