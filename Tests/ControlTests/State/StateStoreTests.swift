import Foundation
import GRDB
import HostConfigurationFiles
import HostCore
import HostForms
import HostState
import TestSupport
import Testing

/// The state file while all is well with it.
@Suite struct StateStoreTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("state.db")
    }

    /// Opens the file, and closes it whatever happens.
    @discardableResult
    private func withStore<Value>(_ body: (StateStore) async throws -> Value) async throws -> Value
    {
        let store = try await StateStore.open(path)
        do {
            let value = try await body(store)
            await store.close()
            return value
        } catch {
            await store.close()
            throw error
        }
    }

    private func createBackend(
        _ tag: String, in store: StateStore
    ) async throws(ControlError) {
        try await store.change { state throws(ControlError) in
            try state.createBackend(tag, plugin: "echo")
        }
    }

    /// Changes the file behind the store's back. It must be closed.
    private func tamper(_ sql: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.write { try $0.execute(sql: sql) }
        try database.close()
    }

    @Test("a file that is missing is made, for its owner alone, and nothing else")
    func create() async throws {
        let state = try await withStore { $0.state }
        #expect(state == ControlState())
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["state.db"])
    }

    @Test("what was changed is there when the file is opened again, in every detail")
    func reopen() async throws {
        var options = BackendOptions()
        options.numReplicas = 3
        options.requestTimeout = BackendOptions.Time(nil)
        options.drainTimeout = BackendOptions.Time(.milliseconds(1_500))
        options.userConfig = .object(["rate": .number(2), "a": .array([.null, .string("ä'\"\n")])])
        let changed = try await withStore { [options] store in
            try await store.change { state throws(ControlError) in
                state.setPlugins(["echo", "counter"])
                try state.createBackend("v1", plugin: "words", options: options)
                try state.createEndpoint("api", backend: "v1", route: "/api/*", methods: ["PUT"])
                try state.setTraffic("api", ["v1": 0.1, "echo": 0.9])
                try state.shadowTraffic("api", backend: "counter", share: 1.0 / 3)
                try state.deleteEndpoint("echo")
            }
        }
        #expect(changed.endpoints["api"]?.shadows == ["counter": 1.0 / 3])
        #expect(try await withStore { $0.state } == changed)
    }

    @Test("a change returns the state with it; one that is refused changes nothing")
    func change() async throws {
        try await withStore { store in
            try await createBackend("v1", in: store)
            let before = store.state
            #expect(before.backends.keys.sorted() == ["v1"])
            let error = await #expect(throws: ControlError.self) {
                try await store.change { state throws(ControlError) in
                    try state.createBackend("v2", plugin: "echo")
                    try state.createBackend("v1", plugin: "echo")
                }
            }
            #expect(error?.code == .alreadyExists)
            #expect(store.state == before)
        }
        #expect(try await withStore { $0.state.backends.keys.sorted() } == ["v1"])
    }

    @Test("changes at once are made one after the other, and none is lost")
    func concurrent() async throws {
        try await withStore { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    group.addTask { try await createBackend("v\(index)", in: store) }
                }
                try await group.waitForAll()
            }
            #expect(store.state.backends.count == 40)
        }
        #expect(try await withStore { $0.state.backends.count } == 40)
    }

    @Test("a change is finished also when its caller is cancelled")
    func cancelled() async throws {
        try await withStore { store in
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                try await createBackend("v1", in: store)
            }
            task.cancel()
            try await task.value
        }
        #expect(try await withStore { $0.state.backends.keys.sorted() } == ["v1"])
    }

    @Test("a change that can't be written is none; the next one is made")
    func cannotWrite() async throws {
        try await withStore { try await createBackend("v1", in: $0) }
        try tamper(
            """
            CREATE TRIGGER refuse BEFORE INSERT ON endpoint
            BEGIN SELECT RAISE(ABORT, 'no space'); END
            """)
        try await withStore { store in
            let before = store.state
            let error = await #expect(throws: ControlError.self) {
                try await store.change { state throws(ControlError) in
                    // The backend's row is written first.
                    try state.createBackend("v2", plugin: "echo")
                    try state.createEndpoint("api", backend: "v2")
                }
            }
            #expect(error?.code == .stateNotWritten)
            #expect(
                error?.message
                    == "cannot write the state file \(path): no space; nothing was changed")
            #expect(store.state == before)
            try await createBackend("v3", in: store)
        }
        #expect(try await withStore { $0.state.backends.keys.sorted() } == ["v1", "v3"])
    }

    @Test("a change after the store is closed is refused")
    func closed() async throws {
        let store = try await StateStore.open(path)
        await store.close()
        let error = await #expect(throws: ControlError.self) {
            try await createBackend("v1", in: store)
        }
        #expect(error?.code == .stateNotWritten)
        #expect(try await withStore { $0.state } == ControlState())
    }

    @Test("only the rows that differ are written")
    func differences() async throws {
        try await withStore { store in
            try await store.change { state throws(ControlError) in
                for tag in ["v1", "v2", "v3"] { try state.createBackend(tag, plugin: "echo") }
                try state.createEndpoint("api", backend: "v1")
                try state.createEndpoint("other", backend: "v1")
                state.addPlugin("counter")
            }
        }
        try tamper("CREATE TABLE log (line TEXT)")
        for (table, key) in [("backend", "tag"), ("endpoint", "name"), ("plugin", "name")] {
            for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")] {
                try tamper(
                    """
                    CREATE TRIGGER \(table)_\(event) AFTER \(event) ON \(table)
                    BEGIN INSERT INTO log VALUES ('\(event) \(table) ' || \(row).\(key)); END
                    """)
            }
        }
        try await withStore { store in
            try await store.change { state throws(ControlError) in
                try state.setTraffic("api", ["v2": 1])
                try state.deleteBackend("v3")
                // Back and forth: no difference.
                try state.setTraffic("other", ["v2": 1])
                try state.setTraffic("other", ["v1": 1])
                state.removePlugin("counter")
            }
            try await store.change { _ in }
        }
        let database = try DatabaseQueue(path: path)
        let log = try await database.read { try String.fetchAll($0, sql: "SELECT line FROM log") }
        try database.close()
        #expect(
            log.sorted() == [
                "DELETE backend counter", "DELETE backend v3", "DELETE endpoint counter",
                "DELETE plugin counter", "INSERT endpoint api",
            ])
    }

    @Test("500 backends and 500 endpoints are applied and written; a second time writes nothing")
    func many() async throws {
        var backends: [String: BackendRecord] = [:]
        var endpoints: [String: EndpointRecord] = [:]
        for index in 0..<500 {
            backends["b\(index)"] = BackendRecord(plugin: "echo")
            endpoints["e\(index)"] = EndpointRecord(
                route: "/e\(index)", traffic: ["b\(index)": 1])
        }
        let declared = try ControlState.declaration(backends: backends, endpoints: endpoints)
        let apply: @Sendable (inout ControlState) throws(ControlError) -> Void = {
            state throws(ControlError) in state = try state.applying(declared).state
        }
        // A quarter of a second alone; how long beside other tests says nothing.
        try await withStore { store in _ = try await store.change(apply) }
        let written = FileManager.default.contents(atPath: path)
        try await withStore { store in
            let state = try await store.change(apply)
            #expect(state.endpoints.count == 500)
        }
        #expect(FileManager.default.contents(atPath: path) == written)
    }
}
