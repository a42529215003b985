import Foundation
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

/// The watcher on a real directory.
@Suite struct DirectoryWatcherTests {
    private func watcher(of directory: String) -> DirectoryWatcher {
        DirectoryWatcher(
            directory: directory, isOfInterest: { !$0.hasPrefix(".") }, logger: TestLog().logger)
    }

    /// Watches a directory, does something to it, and returns the events up to one that is waited for.
    private func events(
        until last: DirectoryWatcher.Event, _ act: (String) throws -> Void
    ) async throws -> [DirectoryWatcher.Event] {
        let directory = try TemporaryDirectory()
        let watched = try directory.makeDirectory("plugins.d")
        let watcher = watcher(of: watched)
        defer { watcher.stop() }
        try act(watched)
        let limit = Task {
            try await Task.sleep(for: .seconds(20))
            watcher.stop()
        }
        defer { limit.cancel() }
        var seen: [DirectoryWatcher.Event] = []
        for await event in watcher.events {
            seen.append(event)
            if event == last { break }
        }
        return seen
    }

    @Test("a file that is being written is reported when its writer closes it, once")
    func writing() async throws {
        let seen = try await events(until: .changed("last")) { directory in
            _ = FileManager.default.createFile(atPath: "\(directory)/a", contents: nil)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(directory)/a"))
            for _ in 0..<10 { try file.write(contentsOf: Data("x".utf8)) }
            let open = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(directory)/a"))
            try file.close()
            try open.close()
            try Data().write(to: URL(fileURLWithPath: "\(directory)/last"))
        }
        #expect(seen.filter { $0 == .changed("a") }.count == 1)
    }

    @Test("a file that is still open for its first writing is not reported")
    func open() async throws {
        var open: FileHandle?
        let seen = try await events(until: .changed("last")) { directory in
            let path = "\(directory)/half"
            let descriptor = Foundation.open(path, O_CREAT | O_WRONLY, 0o600)
            open = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try open?.write(contentsOf: Data("half".utf8))
            try Data().write(to: URL(fileURLWithPath: "\(directory)/last"))
        }
        #expect(seen == [.changed("last")])
        withExtendedLifetime(open) {}
    }

    @Test("a rename into the directory is a change, one out of it a removal")
    func renames() async throws {
        let seen = try await events(until: .removed("b")) { directory in
            try Data().write(to: URL(fileURLWithPath: "\(directory)/../b"))
            rename("\(directory)/../b", "\(directory)/a")
            usleep(200_000)
            rename("\(directory)/a", "\(directory)/b")
            usleep(200_000)
            rename("\(directory)/b", "\(directory)/../b")
        }
        #expect(seen == [.changed("a"), .removed("a"), .changed("b"), .removed("b")])
    }

    @Test("a link is a change, symbolic or hard")
    func links() async throws {
        let seen = try await events(until: .changed("hard")) { directory in
            try Data().write(to: URL(fileURLWithPath: "\(directory)/../original"))
            symlink("../original", "\(directory)/soft")
            link("\(directory)/../original", "\(directory)/hard")
        }
        #expect(seen == [.changed("soft"), .changed("hard")])
    }

    @Test("a directory that is replaced is looked at again when it is back")
    func replaced() async throws {
        let directory = try TemporaryDirectory()
        let watched = try directory.makeDirectory("plugins.d")
        let watcher = watcher(of: watched)
        defer { watcher.stop() }
        rename(watched, directory.file("old"))
        var events = watcher.events.makeAsyncIterator()
        _ = try directory.makeDirectory("plugins.d")
        #expect(await events.next() == .rescan, "it is back")
        try Data().write(to: URL(fileURLWithPath: "\(watched)/a"))
        #expect(await events.next() == .changed("a"))
    }

    @Test("a directory that a link leads to is looked at again when the link leads elsewhere")
    func linkedDirectory() async throws {
        let directory = try TemporaryDirectory()
        _ = try directory.makeDirectory("one")
        let next = try directory.makeDirectory("two")
        symlink("one", directory.file("current"))
        let watcher = watcher(of: directory.file("current"))
        defer { watcher.stop() }
        symlink("two", directory.file("next"))
        rename(directory.file("next"), directory.file("current"))
        var events = watcher.events.makeAsyncIterator()
        #expect(await events.next() == .rescan)
        try Data().write(to: URL(fileURLWithPath: "\(next)/a"))
        #expect(await events.next() == .changed("a"))
    }

    @Test("a file behind a link that is exchanged, as in a ConfigMap's volume, has changed")
    func exchangedBehindLink() async throws {
        let directory = try TemporaryDirectory()
        for version in ["..1", "..2"] {
            let folder = try directory.makeDirectory(version)
            try Data(version.utf8).write(to: URL(fileURLWithPath: "\(folder)/a"))
        }
        symlink("..1", directory.file("..data"))
        symlink("..data/a", directory.file("a"))
        let watcher = watcher(of: directory.path)
        defer { watcher.stop() }
        symlink("..2", directory.file("..new"))
        rename(directory.file("..new"), directory.file("..data"))
        var events = watcher.events.makeAsyncIterator()
        #expect(await events.next() == .changed("a"))
    }

    @Test("a file elsewhere that one depends on is followed, written anew or replaced")
    func companions() async throws {
        let directory = try TemporaryDirectory()
        let watched = try directory.makeDirectory("plugins.d")
        let companion = "\(try directory.makeDirectory("plugins.d/.libs"))/companion"
        try Data("1".utf8).write(to: URL(fileURLWithPath: companion))
        let watcher = watcher(of: watched)
        defer { watcher.stop() }
        watcher.follow([companion, "\(watched)/.libs/missing"], for: "a")
        // Behind a mark the orders are carried out.
        let mark = watcher.requestMark()
        var events = watcher.events.makeAsyncIterator()
        #expect(await events.next() == .mark(mark))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: companion))
        try file.write(contentsOf: Data("22".utf8))
        try file.close()
        #expect(await events.next() == .companionChanged("a"))
        try Data("1".utf8).write(to: URL(fileURLWithPath: "\(watched)/.libs/.new"))
        rename("\(watched)/.libs/.new", companion)
        #expect(await events.next() == .companionChanged("a"))
        try Data("1".utf8).write(to: URL(fileURLWithPath: "\(watched)/.libs/missing"))
        #expect(await events.next() == .companionChanged("a"))
    }

    @Test("a directory that can't be read takes nothing away, and is taken up when it can")
    func unreadable() async throws {
        let directory = try TemporaryDirectory()
        let watched = try directory.makeDirectory("plugins.d")
        try Data().write(to: URL(fileURLWithPath: "\(watched)/a"))
        let log = TestLog()
        let watcher = DirectoryWatcher(
            directory: watched, isOfInterest: { _ in true }, logger: log.logger)
        defer { watcher.stop() }
        rename(watched, directory.file("away"))
        try await Eventually.true { log.count(containing: "what serves goes on") == 1 }
        rename(directory.file("away"), watched)
        var events = watcher.events.makeAsyncIterator()
        #expect(await events.next() == .rescan)
        #expect(log.count(containing: "plugins.d is back") == 1)
    }
}
