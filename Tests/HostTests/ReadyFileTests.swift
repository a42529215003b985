import Foundation
import TestSupport
import Testing

/// The file that says where a host can be reached: there as long as it serves, and never another one's.
@Suite("The ready file", .serialized)
struct ReadyFileTests {
    private struct Ready: Decodable { let pid: Int32 }

    private func pid(in file: String) throws -> Int32? {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        return try JSONDecoder().decode(Ready.self, from: data).pid
    }

    /// Starts a host with a ready file that stands elsewhere than another one's.
    private func start(readyFile: String, in directory: TemporaryDirectory) throws -> Program {
        let name = UUID().uuidString
        return try Program(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", try directory.makeDirectory(name),
                "--admin-socket", directory.file("\(name.prefix(6)).sock"), "--ready-file",
                readyFile,
            ], environment: ["TMPDIR": directory.path])
    }

    @Test("It goes when the host begins to end, also while calls are finishing")
    func end() async throws {
        let directory = try TemporaryDirectory()
        let ready = directory.file("ready")
        let host = try start(readyFile: ready, in: directory)
        try await Eventually.true { try pid(in: ready) == host.pid }
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
        #expect(!FileManager.default.fileExists(atPath: ready))
    }

    @Test("That of a host that was killed is replaced")
    func stale() async throws {
        let directory = try TemporaryDirectory()
        let ready = directory.file("ready")
        let killed = try start(readyFile: ready, in: directory)
        try await Eventually.true { try pid(in: ready) == killed.pid }
        killed.signal(SIGKILL)
        _ = try await killed.waitForExit()
        #expect(try pid(in: ready) == killed.pid)
        let next = try start(readyFile: ready, in: directory)
        try await Eventually.true { try pid(in: ready) == next.pid }
    }

    @Test("That of a host that runs stays, and the second one says so and ends")
    func others() async throws {
        let directory = try TemporaryDirectory()
        let ready = directory.file("ready")
        let first = try start(readyFile: ready, in: directory)
        try await Eventually.true { try pid(in: ready) == first.pid }
        let second = try start(readyFile: ready, in: directory)
        #expect(try await second.waitForExit() == 1)
        #expect(
            second.errors.contains("cannot write the ready file \(ready): a host that runs has it"))
        #expect(try pid(in: ready) == first.pid)
    }

    @Test("One that another host has put in its place is not removed")
    func replaced() async throws {
        let directory = try TemporaryDirectory()
        let ready = directory.file("ready")
        let first = try start(readyFile: ready, in: directory)
        try await Eventually.true { try pid(in: ready) == first.pid }
        try FileManager.default.removeItem(atPath: ready)
        let second = try start(readyFile: ready, in: directory)
        try await Eventually.true { try pid(in: ready) == second.pid }
        first.signal(SIGTERM)
        #expect(try await first.waitForExit() == 0)
        #expect(try pid(in: ready) == second.pid)
    }

    @Test("What is no ready file is left alone", arguments: ["text", "directory", "link"])
    func noReadyFile(kind: String) async throws {
        let directory = try TemporaryDirectory()
        let ready = directory.file("ready")
        let precious = directory.file("precious")
        try Data("listen: 127.0.0.1:80\n".utf8).write(to: URL(fileURLWithPath: precious))
        switch kind {
        case "text": try FileManager.default.copyItem(atPath: precious, toPath: ready)
        case "directory": _ = try directory.makeDirectory("ready")
        default:
            try FileManager.default.createSymbolicLink(
                atPath: ready, withDestinationPath: precious)
        }
        let host = try start(readyFile: ready, in: directory)
        #expect(try await host.waitForExit() == 1)
        #expect(host.errors.hasPrefix("Error: cannot write the ready file \(ready): it is "))
        #expect(FileManager.default.fileExists(atPath: ready))
        #expect(FileManager.default.contents(atPath: precious)?.count == 21)
    }
}
