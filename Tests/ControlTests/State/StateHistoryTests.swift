import Foundation
import HostCore
import HostState
import TestSupport
import Testing

/// The last configurations, and the file that they are in while somebody takes it away.
@Suite struct StateHistoryTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("state/db")
        _ = try directory.makeDirectory("state")
    }

    private func create(_ tag: String, in store: StateStore) async throws {
        try await store.change { state throws(ControlError) in
            try state.createBackend(tag, plugin: "echo")
        }
    }

    /// The tags that a host finds that starts now.
    private func found() async throws -> [String] {
        let store = try await StateStore.open(path)
        let tags = store.state.backends.keys.sorted()
        await store.close()
        return tags
    }

    // MARK: Revisions

    @Test("ten configurations are kept beside the present one, with what changed, over a restart")
    func revisions() async throws {
        var store = try await StateStore.open(path)
        #expect(try await store.revisions().isEmpty)
        for index in 1...14 { try await create("v\(index)", in: store) }
        await store.close()
        store = try await StateStore.open(path)
        let revisions = try await store.revisions()
        #expect(revisions.map(\.number) == Array((5...15).reversed()))
        #expect(revisions.first?.changes == ["backend v14: created, plugin echo"])
        await store.close()
    }

    @Test("what follows from the plugins that are there is no configuration")
    func defaults() async throws {
        let store = try await StateStore.open(path)
        try await store.change { state throws(ControlError) in state.addPlugin("echo") }
        try await store.change { state throws(ControlError) in state.removePlugin("echo") }
        #expect(try await store.revisions().isEmpty)
        await store.close()
    }

    // MARK: The file's place

    @Test("a state file that was removed is made again with all that was in it")
    func removed() async throws {
        let store = try await StateStore.open(path)
        try await create("v1", in: store)
        try FileManager.default.removeItem(atPath: path)
        try await create("v2", in: store)
        try FileManager.default.removeItem(atPath: path)
        try await create("v3", in: store)
        #expect(try await store.revisions().count == 4)
        await store.close()
        #expect(try await found() == ["v1", "v2", "v3"])
    }

    @Test("a state file that was removed with its directory is made again when that is back")
    func removedDirectory() async throws {
        let store = try await StateStore.open(path)
        try await create("v1", in: store)
        try FileManager.default.removeItem(atPath: directory.file("state"))
        let error = await #expect(throws: ControlError.self) { try await create("v2", in: store) }
        #expect(error?.code == .stateNotWritten)
        #expect(store.state.backends.keys.sorted() == ["v1"])
        _ = try directory.makeDirectory("state")
        try await create("v3", in: store)
        await store.close()
        #expect(try await found() == ["v1", "v3"])
    }

    @Test("a state file that was replaced is left alone, and changes are refused")
    func replaced() async throws {
        let store = try await StateStore.open(path)
        try await create("v1", in: store)
        let backup = directory.file("backup")
        try FileManager.default.copyItem(atPath: path, toPath: backup)
        try await create("v2", in: store)
        #expect(rename(backup, path) == 0)
        let error = await #expect(throws: ControlError.self) { try await create("v3", in: store) }
        #expect(error?.code == .stateNotWritten)
        #expect(error?.message.contains("was replaced") == true)
        #expect(store.state.backends.keys.sorted() == ["v1", "v2"])
        await store.close()
        #expect(try await found() == ["v1"])
    }

    @Test("a journal that was removed is made again before the next change")
    func removedJournal() async throws {
        let store = try await StateStore.open(path)
        try await create("v1", in: store)
        let journal = path + "-journal"
        guard FileManager.default.fileExists(atPath: journal) else { return await store.close() }
        try FileManager.default.removeItem(atPath: journal)
        try await create("v2", in: store)
        #expect(FileManager.default.fileExists(atPath: journal))
        await store.close()
        #expect(try await found() == ["v1", "v2"])
    }
}
