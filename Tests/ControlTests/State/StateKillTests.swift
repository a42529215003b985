import Foundation
import HostState
import TestSupport
import Testing

/// `kill -9` at any moment.
@Suite struct StateKillTests {
    @Test(
        "checkpoints: every change is written before it takes effect; a killed host's state is the last acknowledged one, or that with the change under way"
    )
    func kill() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("state.db")
        var numbers = SeededNumbers(UInt64(getpid()))
        var state = ControlState()
        for seed in 1...20 as ClosedRange<UInt64> {
            let writer = try Program(
                Repository.product("state-writer"), ["write", path, "\(seed)"])
            let wanted = Int.random(in: 1...60, using: &numbers)
            try await Eventually.true {
                guard writer.isRunning else { throw Tool.Failure(description: writer.errors) }
                return lines(of: writer) >= wanted
            }
            writer.signal(SIGKILL)
            #expect(try await writer.waitForExit() == 128 + SIGKILL)

            let (acknowledged, next) = replay(seed, on: state, lines(of: writer))
            let store = try await StateStore.open(path)
            let found = store.state
            await store.close()
            try #require(found == acknowledged || found == next, "round \(seed)")
            state = found
        }
        // Nothing is left behind but the file, and SQLite's journal.
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(Set(files).isSubset(of: ["state.db", "state.db-journal"]), "\(files)")
    }

    @Test("a host that is killed while it makes its state file leaves none, or a whole one")
    func killAtCreation() async throws {
        let directory = try TemporaryDirectory()
        var numbers = SeededNumbers(UInt64(getpid()))
        for round in 1...20 {
            let path = directory.file("\(round).db")
            let writer = try Program(Repository.product("state-writer"), ["write", path, "1"])
            // Without a pause, and then some microseconds more: it is all over soon after the first file is there.
            while writer.isRunning, try !hasFiles(of: "\(round).db", in: directory) {}
            let end =
                ContinuousClock.now + .microseconds(Int.random(in: 0..<8_000, using: &numbers))
            while ContinuousClock.now < end {}
            writer.signal(SIGKILL)
            #expect(try await writer.waitForExit() == 128 + SIGKILL, "\(writer.errors)")

            let store = try await StateStore.open(path)
            let (acknowledged, next) = replay(1, on: ControlState(), lines(of: writer))
            #expect(store.state == acknowledged || store.state == next)
            await store.close()
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(!left.contains { $0.contains(".new-") }, "\(left)")
    }

    @Test("a draft that a killed host left behind is removed, one that a process holds is not")
    func staleDrafts() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("state.db")
        let stale = try draft(of: path)
        let held = try draft(of: path)
        let others = [
            try draft(of: directory.file("other.db")),
            try directory.makeDirectory("state.db.new-by-hand"),
        ]
        // `flock` of util-linux, as another process.
        let holder = try Program(
            "flock", ["--no-fork", held, "sh", "-c", "echo held; exec sleep 1000"])
        try await Eventually.true { holder.output == "held\n" }

        await (try StateStore.open(path)).close()
        let exists = { FileManager.default.fileExists(atPath: $0) }
        #expect(!exists(stale))
        #expect(exists(held) && others.allSatisfy(exists))

        holder.signal(SIGKILL)
        _ = try await holder.waitForExit()
        // Not only by the host that makes the file.
        try await Eventually.true {
            await (try StateStore.open(path)).close()
            return !exists(held)
        }
        #expect(others.allSatisfy(exists))
    }

    /// What a host that is killed while it makes its state file leaves behind.
    private func draft(of path: String) throws -> String {
        let draft = "\(path).new-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: draft, withIntermediateDirectories: false)
        for name in ["state", "state-journal"] {
            try Data("half".utf8).write(to: URL(fileURLWithPath: "\(draft)/\(name)"))
        }
        return draft
    }

    private func hasFiles(of name: String, in directory: TemporaryDirectory) throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: directory.path)
            .contains { $0.hasPrefix(name) }
    }

    private func lines(of writer: Program) -> Int {
        writer.output.split(separator: "\n").count
    }

    /// What the writer made of a state with its first operations, and with one more.
    private func replay(
        _ seed: UInt64, on start: ControlState, _ count: Int
    ) -> (ControlState, ControlState) {
        var numbers = SeededNumbers(seed)
        var state = start
        for _ in 0..<count {
            try? StateOperation.random(using: &numbers).perform(on: &state)
        }
        var next = state
        try? StateOperation.random(using: &numbers).perform(on: &next)
        return (state, next)
    }
}
