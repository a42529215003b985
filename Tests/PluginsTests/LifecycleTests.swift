import Foundation
import HostCore
import HostLoader
import HostPlugins
import HostWorkers
import TestSupport
import Testing

@Suite struct LifecycleTests {
    @Test("the lifecycle functions run in the contract's order, each exactly once")
    func order() throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("log")
        let library = directory.file("liblifecycle.so")
        try Fixture.compile(
            source: Repository.path("Tests/Fixtures/lifecycle.c"), to: library,
            options: ["-DLIFECYCLE_LOG=\"\(log)\""])

        let generation = try LoadedPlugin.load(library, from: LibraryStore())
        let instances = try (0..<2).map {
            try PluginInstance(of: generation, replica: $0, backend: "test", userConfig: "null")
        }
        try instances[0].warmUp()
        try instances[0].checkHealth()
        let state = try instances[0].save()
        try instances[1].restore(state)
        for instance in instances { instance.destroy() }
        _ = generation.unload()

        #expect(String(decoding: state, as: UTF8.self) == "state")
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        #expect(
            lines == [
                "load", "create 0", "create 1", "warm_up", "check", "save", "restore", "destroy",
                "destroy", "unload",
            ])
    }

    @Test("a plugin without lifecycle functions and extensions has nothing to do in them")
    func none() throws {
        let plugin = try LoadedPlugin(fixture: "shout")
        try plugin.instance.warmUp()
        try plugin.instance.checkHealth()
        #expect(!plugin.generation.handsStateOver)
    }

    @Test("create is told the backend, the replica and the configuration")
    func createArguments() throws {
        let plugin = try LoadedPlugin(
            Fixture.library("create_args"), backend: "größe", replica: 3,
            userConfig: #"{"a": 1}"#)
        #expect(try plugin.call().text == #"größe 3 {"a": 1}"#)
    }

    @Test("a load that fails is refused with the plugin's message and status")
    func loadFails() throws {
        let error = try LoadedPlugin.refusal(of: Fixture.library("load_fails"))
        #expect(error.code == .lifecycleFailed)
        #expect(error.message == "load failed: licence server unreachable (UNAVAILABLE)")
    }

    @Test(
        "a lifecycle function that fails is refused with its name, the plugin's message and status",
        arguments: [
            ("create_fails", "create failed: no model at /models/none (FAILED_PRECONDITION)"),
            ("warmup_fails", "warm_up failed: cold (UNAVAILABLE)"),
            ("health_fails", "health check failed: sick (UNAVAILABLE)"),
        ])
    func fails(fixture: String, message: String) throws {
        let error = try #require(throws: PluginError.self) {
            let plugin = try LoadedPlugin(fixture: fixture)
            try plugin.instance.warmUp()
            try plugin.instance.checkHealth()
        }
        #expect(error.code == .lifecycleFailed)
        #expect(error.message == message)
    }

    @Test(
        "a lifecycle function that fails without a message, or with an unknown status, says so",
        arguments: [
            ("BACKPLANE_STATUS_NOT_FOUND", "load failed: NOT_FOUND"),
            ("99", "load failed: UNKNOWN"),
        ])
    func failsSilently(status: String, message: String) throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, members: ["load": "load"],
            declarations: load("(void)error; return \(status);"))
        #expect(try LoadedPlugin.refusal(of: library).message == message)
    }

    @Test("a message longer than the host's memory for it is cut off")
    func longMessage() throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, members: ["load": "load"],
            declarations: load(
                """
                return backplane_error_format(
                    error, BACKPLANE_STATUS_INTERNAL, "%05000d", (int)error->capacity);
                """))
        let message = try LoadedPlugin.refusal(of: library).message
        #expect(message == "load failed: \(String(repeating: "0", count: 1023)) (INTERNAL)")
    }

    @Test("a message that fills the host's memory without an end is cut off")
    func endlessMessage() throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, members: ["load": "load"],
            declarations: load(
                """
                memset(error->message, 'x', error->capacity);
                return BACKPLANE_STATUS_INTERNAL;
                """))
        let message = try LoadedPlugin.refusal(of: library).message
        #expect(message == "load failed: \(String(repeating: "x", count: 1023)) (INTERNAL)")
    }

    private func load(_ body: String) -> String {
        """
        static backplane_status_t load(const backplane_host_t *host, backplane_error_t *error) {
            (void)host;
            \(body)
        }
        """
    }

    // MARK: State

    @Test("a count goes from one generation to the next")
    func state() throws {
        let old = try LoadedPlugin(fixture: "counting", defines: ["VERSION=\"1\""])
        let new = try LoadedPlugin(fixture: "counting", defines: ["VERSION=\"2\""])
        try #require(old.generation.handsStateOver && new.generation.handsStateOver)
        for _ in 1...41 { try old.call() }
        let state = try old.instance.save()
        #expect(String(decoding: state, as: UTF8.self) == "41")
        try new.instance.restore(state)
        #expect(try new.call().text == "42")
        #expect(try old.call().text == "42")
    }

    @Test("a save that fails is refused with the plugin's message, and changes nothing")
    func saveFails() throws {
        let plugin = try LoadedPlugin(fixture: "counting", defines: ["FAIL_SAVE"])
        try plugin.call()
        let error = try #require(throws: PluginError.self) { try plugin.instance.save() }
        #expect(error.code == .lifecycleFailed)
        #expect(error.message == "save failed: cannot save (INTERNAL)")
        #expect(try plugin.call().text == "2")
    }

    @Test("a restore that fails is refused with the plugin's message")
    func restoreFails() throws {
        let plugin = try LoadedPlugin(fixture: "counting", defines: ["FAIL_RESTORE"])
        let error = try #require(throws: PluginError.self) { try plugin.instance.restore([0x31]) }
        #expect(error.code == .lifecycleFailed)
        #expect(error.message == "restore failed: cannot restore (INTERNAL)")
    }

    @Test("a state that the plugin doesn't understand is refused with its message")
    func strangeState() throws {
        let plugin = try LoadedPlugin(fixture: "counting")
        for state in [[], Array("many".utf8)] {
            let error = try #require(throws: PluginError.self) {
                try plugin.instance.restore(state)
            }
            let expected = "restore failed: the state is not a count (INVALID_ARGUMENT)"
            #expect(error.message == expected)
        }
    }

    @Test("a state of 64 MiB, the limit, is handed over")
    func stateAtLimit() throws {
        let plugin = try LoadedPlugin(
            fixture: "big_state", defines: ["PIECE=(1 << 20)", "WRITES=64"])
        let state = try plugin.instance.save()
        #expect(state.count == 64 << 20)
        try plugin.instance.restore(state)
        #expect(try plugin.call().text == "67108864")
    }

    @Test("a state one byte over the limit is not taken, and the plugin says so")
    func stateOverLimit() throws {
        let plugin = try LoadedPlugin(
            fixture: "big_state", defines: ["PIECE=((64 << 20) + 1)"])
        let error = try #require(throws: PluginError.self) { try plugin.instance.save() }
        #expect(
            error.message
                == "save failed: the host did not take the state (RESOURCE_EXHAUSTED)")
    }

    @Test("a state in pieces that pass the limit together is not taken")
    func piecesOverLimit() throws {
        let plugin = try LoadedPlugin(
            fixture: "big_state", defines: ["PIECE=(1 << 20)", "WRITES=65"])
        let error = try #require(throws: PluginError.self) { try plugin.instance.save() }
        #expect(error.message.hasSuffix("(RESOURCE_EXHAUSTED)"))
    }

    @Test("a state that several threads of the plugin write at once is whole")
    func stateFromThreads() throws {
        let plugin = try LoadedPlugin(
            fixture: "big_state", defines: ["PIECE=7", "WRITES=100000", "THREADS=4"])
        let state = try plugin.instance.save()
        #expect(state.count == 2_800_000)
        try plugin.instance.restore(state)
    }
}
