import Foundation
import GRDB
import HostCore
import HostState
import TestSupport
import Testing

/// Files that a host must not serve from: each is refused with one line that says what to do, and left as it is.
@Suite struct StateFileTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("state.db")
    }

    // MARK: What is in it

    @Test("what is no state file is refused, and left as it is")
    func foreign() async throws {
        let advice = "choose another path, or move the file away to begin without a state"
        try Data().write(to: URL(fileURLWithPath: path))
        try await expectRefusal("it is empty; \(advice)")
        for text in ["hello", String(repeating: "not a database ", count: 1_000)] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            try await expectRefusal("it is no state file, or damaged; \(advice)")
        }
    }

    @Test("another program's database is refused, also when it was killed amid a change")
    func otherProgram() async throws {
        for sql in [
            "CREATE TABLE backend (tag TEXT)", "PRAGMA application_id = 1; CREATE TABLE t (a)",
        ] {
            try? FileManager.default.removeItem(atPath: path)
            try edit(sql)
            try await expectRefusal("it is another program's; choose another path")
        }
        // A log that SQLite would move into the file as soon as it opens it.
        let other = directory.file("other.db")
        let database = try DatabaseQueue(path: other)
        try await database.writeWithoutTransaction { db in
            try db.execute(
                sql: "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        }
        try FileManager.default.removeItem(atPath: path)
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: other + suffix, toPath: path + suffix)
        }
        try database.close()
        #expect(FileManager.default.contents(atPath: path + "-wal")?.isEmpty == false)
        try await expectRefusal("it is another program's; choose another path")
    }

    @Test("a newer host's file is refused, and left as it is")
    func newer() async throws {
        try await makeExample()
        try edit(
            "INSERT INTO grdb_migrations VALUES ('99'); ALTER TABLE backend ADD COLUMN more TEXT")
        try await expectRefusal(
            "a newer version of backplane has made it; use that version, or another state file")
    }

    @Test(
        "a file whose contents can't be is refused, and left as it is",
        arguments: [
            "DROP TABLE endpoint", "DELETE FROM grdb_migrations", "DROP TABLE grdb_migrations",
            "UPDATE backend SET options = '{'",
            "UPDATE backend SET options = '{\"num_replicas\":\"x\"}'",
            "UPDATE backend SET origin = 'nobody'",
            "UPDATE backend SET tag = '..' WHERE tag = 'v2'",
            "DELETE FROM backend", "UPDATE endpoint SET traffic = '{\"v1\":0.5}'",
            "UPDATE endpoint SET traffic = '{\"v9\":1}'", "UPDATE endpoint SET route = 'api'",
            "UPDATE endpoint SET methods = '[]'",
            // An index of another table's: only a look at every page finds it.
            """
            PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage =
            (SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_plugin_1')
            WHERE name = 'sqlite_autoindex_backend_1'
            """,
            "ALTER TABLE endpoint DROP COLUMN shadows",
        ])
    func contents(sql: String) async throws {
        try await makeExample()
        try edit(sql)
        try await expectRefusal(
            "it is damaged: ",
            "; put a backup in its place, or move it away to begin without a state")
    }

    @Test(
        "a file that is cut short is refused, unless only unused space is lost; it is left as it is"
    )
    func truncated() async throws {
        let example = try await makeExample(backends: 100)
        let whole = try #require(FileManager.default.contents(atPath: path))
        var refused = 0
        for length in stride(from: 1, to: whole.count, by: 1_777) {
            if let state = try await open(bytes: whole.prefix(length)) {
                #expect(state == example)
            } else {
                refused += 1
            }
        }
        #expect(refused > 5)
    }

    @Test("a damaged file is refused, if the damage can be seen, and never changed")
    func damaged() async throws {
        try await makeExample(backends: 100)
        let whole = try #require(FileManager.default.contents(atPath: path))
        var numbers = SeededNumbers(3)
        var refused = 0
        for _ in 0..<150 {
            var bytes = whole
            // Where something is. SQLite has no checksums: what is still a text is taken as one.
            var start = 0
            while start < 100 || bytes[start] == 0 {
                start = Int.random(in: 0..<bytes.count, using: &numbers)
            }
            for index in start..<min(start + 64, bytes.count) {
                bytes[index] = UInt8.random(in: .min ... .max, using: &numbers)
            }
            if try await open(bytes: bytes) == nil { refused += 1 }
        }
        #expect(refused > 60)
    }

    /// Makes this the file, and opens it. It must not change.
    ///
    /// - Returns: nil when it is refused as damaged.
    private func open(bytes: Data) async throws -> ControlState? {
        try bytes.write(to: URL(fileURLWithPath: path))
        var state: ControlState?
        do throws(ControlError) {
            let store = try await StateStore.open(path)
            state = store.state
            await store.close()
        } catch {
            #expect(error.code == .stateUnusable)
            #expect(error.message.contains("damaged"), "\(error)")
        }
        #expect(FileManager.default.contents(atPath: path) == bytes)
        return state
    }

    // MARK: Who may use it

    @Test(
        "a file that another host has is refused, and left as it is; when that one is gone it is opened"
    )
    func lockedByAnother() async throws {
        let example = try await makeExample()
        let holder = try Program(Repository.product("state-writer"), ["hold", path])
        try await Eventually.true { holder.output == "open\n" }
        let inUse =
            "another process has it in use; stop the other host, or give this one a state file of its own"
        try await expectRefusal(inUse)
        let second = try await Program.run(Repository.product("state-writer"), ["hold", path])
        #expect(second.errors == "cannot use the state file \(path): \(inUse)\n")
        #expect(second.status == 1)
        holder.signal(SIGKILL)
        _ = try await holder.waitForExit()
        #expect(try await read() == example)
    }

    @Test("a file is opened once in a process too, under whatever name, and others stay locked out")
    func lockedByOurselves() async throws {
        try await makeExample()
        let link = directory.file("link.db")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        let store = try await StateStore.open(path)
        for name in [path, link] {
            let error = await #expect(throws: ControlError.self) { try await StateStore.open(name) }
            #expect(error?.message.contains("another process has it in use") == true)
        }
        // A look at the file would have given up this process's lock.
        let other = try await Program.run(Repository.product("state-writer"), ["hold", path])
        #expect(other.errors.contains("another process has it in use"))
        await store.close()
        #expect(try await read(link).backends.count == 2)
    }

    @Test("a place where no file can be is refused")
    func places() async throws {
        let missing = directory.file("missing/state.db")
        let error = await #expect(throws: ControlError.self) { try await StateStore.open(missing) }
        #expect(
            error?.message
                == "cannot use the state file \(missing): it can't be created: No such file or directory; "
                + "create its directory or change the permissions")
        _ = try directory.makeDirectory("state.db")
        try await expectRefusal("it is no regular file; choose another path", hasBytes: false)
    }

    @Test("a file or a directory that may not be used is refused, before the first change fails")
    func permissions() async throws {
        try await makeExample()
        let advice = "give the host's user the right to read and write the file and its directory"
        // The directory is another user's for whom root becomes below; for others it is their own.
        for (file, directoryMode, place) in [
            (0o000, 0o777, path), (0o444, 0o777, path), (0o666, 0o555, directory.path),
        ] {
            chmod(path, mode_t(file))
            chmod(directory.path, mode_t(directoryMode))
            let result = try await Program.run(
                Repository.product("state-writer"), ["--user", "65534", "hold", path])
            #expect(
                result.errors
                    == "cannot use the state file \(path): \(place): Permission denied; \(advice)\n"
            )
        }
        let new = directory.file("new.db")
        let result = try await Program.run(
            Repository.product("state-writer"), ["--user", "65534", "hold", new])
        #expect(
            result.errors.hasPrefix(
                "cannot use the state file \(new): it can't be created: Permission denied; "))
        chmod(directory.path, 0o700)
        chmod(path, 0o600)
        #expect(try await read().backends.count == 2)
        #expect(try !contents().keys.contains { $0.hasPrefix("new.db") })
    }

    // MARK: Parts

    @discardableResult
    private func makeExample(backends: Int = 2) async throws -> ControlState {
        let store = try await StateStore.open(path)
        let state = try await store.change { state throws(ControlError) in
            for index in 1...backends { try state.createBackend("v\(index)", plugin: "echo") }
            try state.createEndpoint("api", backend: "v1", route: "/api")
        }
        await store.close()
        return state
    }

    private func read(_ other: String? = nil) async throws -> ControlState {
        let store = try await StateStore.open(other ?? path)
        let state = store.state
        await store.close()
        return state
    }

    private func edit(_ sql: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { try $0.execute(sql: sql) }
        try database.close()
    }

    /// Opens the file, which must fail with one line that has the reason, and change nothing in the directory.
    ///
    /// - Parameter end: of the message; nil: `reason` is its end.
    private func expectRefusal(
        _ reason: String, _ end: String? = nil, hasBytes: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let before = try contents()
        let error = await #expect(throws: ControlError.self, sourceLocation: sourceLocation) {
            try await StateStore.open(path)
        }
        let message = error?.message ?? ""
        #expect(error?.code == .stateUnusable, sourceLocation: sourceLocation)
        let start = "cannot use the state file \(path): "
        #expect(message.hasPrefix(start), sourceLocation: sourceLocation)
        #expect(message.contains(reason), "\(message)", sourceLocation: sourceLocation)
        #expect(message.hasSuffix(end ?? reason), "\(message)", sourceLocation: sourceLocation)
        #expect(!message.contains("\n"), "\(message)", sourceLocation: sourceLocation)
        #expect(try contents() == before, sourceLocation: sourceLocation)
        #expect(before["state.db"] != nil || !hasBytes, sourceLocation: sourceLocation)
    }

    /// The files of the directory. The store is closed whenever this is asked: a look would cost it its lock.
    private func contents() throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                FileManager.default.contents(atPath: directory.file(name)).map { (name, $0) }
            })
    }
}
