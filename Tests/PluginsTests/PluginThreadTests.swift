import Dispatch
import HostCore
import HostLoader
import HostPlugins
import NIOConcurrencyHelpers
import Synchronization
import TestSupport
import Testing

@Suite struct PluginThreadTests {
    @Test("what runs on a plugin's thread returns its value, and throws its error")
    func outcome() async throws {
        let value = try await PluginThread.run(name: "test", what: "create", timeout: .seconds(60))
        {
            () throws(PluginError) in 42
        }
        #expect(value == 42)
        let error = await #expect(throws: PluginError.self) {
            try await PluginThread.run(name: "test", what: "create", timeout: .seconds(60)) {
                () throws(PluginError) in throw PluginError(.lifecycleFailed, "no model")
            }
        }
        #expect(error?.message == "no model")
    }

    @Test("what takes longer than its time is given up with its name, and undone when it ends")
    func timeout() async throws {
        let gate = DispatchSemaphore(value: 0)
        let undone = NIOLockedValueBox<Int?>(nil)
        let error = await #expect(throws: PluginError.self) {
            try await PluginThread.run(
                name: "test", what: "create", timeout: .milliseconds(20),
                { () throws(PluginError) in
                    gate.wait()
                    return 42
                },
                late: { value in undone.withLockedValue { $0 = value } })
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message == "create did not return within 0.02 seconds")
        #expect(undone.withLockedValue { $0 } == nil)
        gate.signal()
        let value = try await Eventually.value { undone.withLockedValue { $0 } }
        #expect(value == 42)
    }

    @Test("what ends in time is not undone")
    func inTime() async throws {
        let undone = Synchronization.Atomic(false)
        _ = try await PluginThread.run(
            name: "test", what: "create", timeout: .seconds(60),
            { () throws(PluginError) in 42 },
            late: { _ in undone.store(true, ordering: .relaxed) })
        let wasUndone = undone.load(ordering: .relaxed)
        #expect(!wasUndone)
    }

    @Test("only the first value of a promise counts")
    func fulfilledTwice() async {
        let promise = Promise<Int>()
        #expect(promise.fulfil(1))
        #expect(!promise.fulfil(2))
        #expect(await promise.value(within: .seconds(60)) == 1)
        #expect(!promise.fulfil(3))
    }

    @Test("a value that comes later wakes who waits for it")
    func fulfilledLater() async {
        let promise = Promise<Int>()
        async let value = promise.value
        PluginThread.start(name: "test") { promise.fulfil(1) }
        #expect(await value == 1)
    }

    @Test("a value that comes after somebody has given up is told so")
    func givenUp() async {
        let promise = Promise<Int>()
        #expect(await promise.value(within: .milliseconds(1)) == nil)
        #expect(!promise.fulfil(1))
    }

    @Test("a create that never returns is given up, and the instance it never made with it")
    func hangingCreate() async throws {
        let generation = try LoadedPlugin.load(
            Fixture.library("hangs_in_create"), from: LibraryStore())
        let error = await #expect(throws: PluginError.self) {
            try await PluginThread.run(name: "test", what: "create", timeout: .milliseconds(20)) {
                () throws(PluginError) in
                try PluginInstance(of: generation, replica: 0, backend: "test", userConfig: "null")
            }
        }
        #expect(error?.code == .timedOut)
    }
}
