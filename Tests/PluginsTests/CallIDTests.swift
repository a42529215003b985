import HostPlugins
import TestSupport
import Testing

/// The ids by which a plugin knows its calls, against a model: which are open, and which are over.
@Suite struct CallIDTests {
    @Test("no id is used twice, and a stale one hits nothing, whatever the order", arguments: 1...5)
    func model(seed: UInt64) throws {
        let plugin = try LoadedPlugin(fixture: "ids")
        var random = SplitMix64(seed: seed)
        var used: Set<UInt64> = []
        var open: [UInt64: TestCall] = [:]
        var over: [UInt64] = []
        var finished: [TestCall] = []
        var stale = 0

        func take(_ text: String?) throws -> UInt64 {
            let id = try #require(text.flatMap { UInt64($0) })
            #expect(used.insert(id).inserted)
            return id
        }

        for _ in 0..<3_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let call = try plugin.call()
                over.append(try take(call.text))
                finished.append(call)
            case 1:
                let calls = (0..<Int.random(in: 1...4, using: &random)).map { _ in TestCall() }
                try plugin.run(calls, "open")
                for call in calls {
                    open[try take(call.partTexts.first)] = call
                }
            case 2:
                guard let (id, call) = open.randomElement(using: &random) else { continue }
                open[id] = nil
                over.append(try take(try plugin.call("finish", "\(id)").text))
                over.append(id)
                #expect(call.text == "by id")
                finished.append(call)
            default:
                guard let id = over.randomElement(using: &random) else { continue }
                stale += 1
                over.append(try take(try plugin.call("finish", "\(id)").text))
            }
        }
        #expect(plugin.generation.violations.count(.finishedTwice) == stale)
        #expect(plugin.generation.violations.total == stale)
        #expect(finished.allSatisfy { $0.results.count == 1 })
        #expect(open.values.allSatisfy { $0.results.isEmpty })
    }

    @Test(
        "an id that no call ever had hits nothing",
        arguments: [1, 1 << 20, (1 << 20) - 1, UInt64(Int64.max), .max])
    func inventedID(_ id: UInt64) throws {
        let plugin = try LoadedPlugin(fixture: "ids")
        let bystander = TestCall()
        try plugin.run(bystander, "open")
        #expect(try plugin.call("finish", "\(id)").results.count == 1)
        #expect(bystander.results.isEmpty)
        #expect(plugin.generation.violations.count(.finishedTwice) == 1)
    }

    @Test("ids of calls on several threads at once are all different")
    func parallel() async throws {
        let plugin = try LoadedPlugin(fixture: "ids")
        let ids = try await InParallel.run(threads: 4) { _ in
            try (0..<2_000).map { _ in try plugin.call().text }
        }.flatMap { $0 }
        #expect(Set(ids).count == 8_000)
        #expect(!ids.contains(nil))
    }
}
