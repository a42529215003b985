import HostCore
import HostPlugins
import HostWorkers
import NIOCore
import TestSupport
import Testing

/// Each call is finished exactly once, whatever the plugin does.
@Suite struct FinishTests {
    @Test("a plugin that finishes a call finishes it once, with its answer")
    func once() throws {
        let plugin = try LoadedPlugin(fixture: "shout")
        let call = try plugin.call()
        #expect(call.results.count == 1)
        #expect(call.text == "HELLO")
        #expect(call.response?.contentType == "text/plain")
        #expect(call.response?.headers.isEmpty == true)
        #expect(plugin.generation.violations.total == 0)
    }

    @Test("a second finish changes nothing but the count, and the log says so")
    func twice() throws {
        let plugin = try LoadedPlugin(fixture: "finishes_twice")
        #expect(try plugin.call().text == "first")
        #expect(plugin.generation.violations.count(.finishedTwice) == 1)
        #expect(plugin.generation.violations.total == 1)
        #expect(
            plugin.log.text == [
                "warning the plugin used a call after it was finished; ignored count=1 plugin=test"
            ])
    }

    @Test("misuse is logged at its first time and at each doubling")
    func manyTimes() throws {
        let plugin = try LoadedPlugin(fixture: "finishes_twice")
        for _ in 1...100 { try plugin.call() }
        #expect(plugin.generation.violations.count(.finishedTwice) == 100)
        #expect(plugin.log.text.count == 7)
        #expect(plugin.log.count(containing: "count=64") == 1)
    }

    @Test("a second finish from another thread, when the call is long over, hits no other call")
    func lateTwice() async throws {
        let plugin = try LoadedPlugin(fixture: "finishes_late_twice")
        let calls = (0..<50).map { _ in TestCall() }
        for call in calls { try plugin.run(call) }
        try await Eventually.true { plugin.generation.violations.count(.finishedTwice) == 50 }
        #expect(calls.allSatisfy { $0.text == "first" })
        #expect(plugin.generation.violations.total == 50)
    }

    @Test("a call that is unfinished when invoke returns is answered INTERNAL and counted")
    func never() throws {
        let plugin = try LoadedPlugin(fixture: "never_finishes")
        let failure = try #require(try plugin.call().failure)
        #expect(failure.status == .internal)
        #expect(
            failure.message == "the plugin returned from __call__ without finishing the call")
        #expect(plugin.generation.violations.count(.leftUnfinished) == 1)
        #expect(plugin.generation.violations.total == 1)
        #expect(plugin.log.count(containing: "BACKPLANE_METHOD_ASYNC") == 1)
    }

    @Test("a call of an ASYNC method stays unfinished when invoke returns")
    func neverAsync() throws {
        let plugin = try LoadedPlugin(fixture: "never_finishes_async")
        #expect(try plugin.call().results.isEmpty)
        #expect(plugin.generation.violations.total == 0)
    }

    @Test("a call finished from another thread has its request until then")
    func ownThread() async throws {
        let plugin = try LoadedPlugin(fixture: "own_thread")
        let calls = (0..<100).map { TestCall("body \($0)", contentType: "text/x-\($0)") }
        for call in calls { try plugin.run(call) }
        for (index, call) in calls.enumerated() {
            try await call.finished()
            #expect(call.text == "body \(index)")
            #expect(call.response?.contentType == "text/x-\(index)")
        }
        #expect(plugin.generation.violations.total == 0)
    }

    @Test("the services of a finished call say that it is over")
    func afterFinish() throws {
        let plugin = try LoadedPlugin(fixture: "uses_after_finish")
        let call = try plugin.call()
        #expect(call.text == "first")
        #expect(call.parts.isEmpty)
        #expect(call.metadataRequests == 0)
        // CANCELLED, no memory, no metadata, cancelled.
        #expect(try plugin.call("report").text == "1 NULL NULL 1")
        #expect(plugin.generation.violations.count(.finishedTwice) == 2)
    }

    @Test("a batch is finished call by call, in order, each with its own answer")
    func batch() throws {
        let plugin = try LoadedPlugin(fixture: "batches")
        let calls = (0..<64).map { TestCall("body \($0)", contentType: "text/x-\($0)") }
        try plugin.run(calls)
        for (index, call) in calls.enumerated() {
            #expect(call.text == "body \(index)")
            #expect(call.response?.contentType == "text/x-\(index)")
        }
        try plugin.run([TestCall()])
        #expect(try plugin.call("seen").text == "[64,1]")
    }

    @Test("a call that fails in a batch fails alone")
    func batchWithFailure() throws {
        let plugin = try LoadedPlugin(fixture: "batches")
        let calls = (0..<5).map { TestCall("\($0)") }
        try plugin.run(calls, "third_fails")
        #expect(calls.map(\.text) == ["0", "1", nil, "3", "4"])
        #expect(calls[2].failure?.status == .invalidArgument)
        #expect(calls[2].failure?.message == "third")
    }

    @Test("each unfinished call of a batch is answered and counted")
    func unfinishedBatch() throws {
        let directory = try TemporaryDirectory()
        let plugin = try LoadedPlugin(
            PluginSource.library(
                in: directory, method: ["flags": "BACKPLANE_METHOD_BATCHABLE"]))
        // The source's method answers the first call only.
        let calls = (0..<4).map { _ in TestCall() }
        try plugin.run(calls)
        #expect(calls[0].text == "here")
        #expect(calls.dropFirst().allSatisfy { $0.failure?.status == .internal })
        #expect(plugin.generation.violations.count(.leftUnfinished) == 3)
    }
}
