import Foundation
import TestSupport
import Testing

@testable import HostControl

/// The watcher on a real directory.
@Suite struct DirectoryWatcherTests {
    /// Watches a directory, does something to it, and returns the events up to one that is waited for.
    private func events(
        until last: DirectoryWatcher.Event, _ act: (String) throws -> Void
    ) async throws -> [DirectoryWatcher.Event] {
        let directory = try TemporaryDirectory()
        let watched = try directory.makeDirectory("plugins.d")
        let watcher = DirectoryWatcher(directory: watched, logger: TestLog().logger)
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
        let watcher = DirectoryWatcher(directory: watched, logger: TestLog().logger)
        defer { watcher.stop() }
        rename(watched, directory.file("old"))
        var events = watcher.events.makeAsyncIterator()
        #expect(await events.next() == .rescan, "it is gone")
        _ = try directory.makeDirectory("plugins.d")
        #expect(await events.next() == .rescan, "it is back")
        try Data().write(to: URL(fileURLWithPath: "\(watched)/a"))
        #expect(await events.next() == .changed("a"))
    }
}
