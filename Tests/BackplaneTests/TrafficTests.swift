import Backplane
import NIOCore
import TestSupport
import Testing

/// Endpoints over several backends, called both ways.
@Suite struct TrafficTests {
    /// Two versions of one source, which answer their names.
    private static var plugins: [String: String] {
        get throws {
            [
                "libv1.so": try Fixture.library("generation", defines: ["VERSION=\"v1\""]),
                "libv2.so": try Fixture.library("generation", defines: ["VERSION=\"v2\""]),
            ]
        }
    }

    /// Each a number of a call, and what it answered.
    private static func answers(
        _ count: Int, _ call: @escaping @Sendable (Int) async throws -> String
    ) async throws -> [Int: String] {
        let width = 16
        return try await withThrowingTaskGroup(of: [(Int, String)].self) { group in
            for first in 0..<width {
                group.addTask {
                    var answers: [(Int, String)] = []
                    for number in stride(from: first, to: count, by: width) {
                        answers.append((number, try await call(number)))
                    }
                    return answers
                }
            }
            return try await group.reduce(into: [:]) { all, some in
                for (number, answer) in some { all[number] = answer }
            }
        }
    }

    private static func counts(_ answers: some Sequence<String>) -> [Int] {
        ["v1", "v2"].map { version in answers.count { $0 == version } }
    }

    @Test("10,000 calls with a key each match the weights, and each has one backend both ways")
    func keys() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            try host.setEndpoint("split", route: "/split", weights: ["v1": 0.9, "v2": 0.1])
            let viaHTTP = try await Self.answers(10_000) { number in
                try await host.http.call(
                    "split", headers: ["X-SERVE-SHARD-KEY": "key-\(number)"]
                ).text
            }
            let handle = try host.host.handle("split")
            let viaHandle = try await Self.answers(10_000) { number in
                try await handle.options(shardKey: "key-\(number)").remote().text()
            }
            #expect(viaHTTP == viaHandle)
            let counts = Self.counts(viaHTTP.values)
            #expect(counts.reduce(0, +) == 10_000)
            #expect(ChiSquared.matches(counts, [0.9, 0.1]), "\(counts)")
        }
    }

    @Test(
        "10,000 calls without a key are spread, and differently each time",
        arguments: [true, false])
    func random(isHTTP: Bool) async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            try host.setEndpoint("split", route: "/split", weights: ["v1": 0.9, "v2": 0.1])
            let handle = try host.host.handle("split")
            let answers = try await Self.answers(10_000) { _ in
                isHTTP ? try await host.http.call("split").text : try await handle.remote().text()
            }
            let counts = Self.counts(answers.values)
            #expect(counts.reduce(0, +) == 10_000)
            // Seven standard deviations: nothing seeds this, and no run of the tests is to fail for bad luck.
            #expect((790...1_210).contains(counts[1]), "\(counts)")
        }
    }

    @Test("new weights hold from the next call on, also for a handle that is open")
    func change() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let handle = try host.host.handle("v1")
            #expect(try await handle.remote().text() == "v1")
            try host.setEndpoint("split", route: "/split", weights: ["v1": 1, "v2": 0])
            let split = try host.host.handle("split")
            for _ in 0..<20 {
                #expect(try await split.remote().text() == "v1")
                #expect(try await host.http.call("split").text == "v1")
            }
            try host.setEndpoint("split", route: "/split", weights: ["v1": 0, "v2": 1])
            for _ in 0..<20 {
                #expect(try await split.remote().text() == "v2")
                #expect(try await host.http.call("split").text == "v2")
            }
            // The plugins' own endpoints are what they were.
            #expect(try await host.http.call("v1").text == "v1")
        }
    }

    @Test("a web request that is passed to a handle has its own key, unless the handle has one")
    func forwardedKey() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            try host.setEndpoint("split", weights: ["v1": 0.5, "v2": 0.5])
            let handle = try host.host.handle("split")
            var differ = 0
            for number in 0..<40 {
                let (own, other) = ("own-\(number)", "other-\(number)")
                let request = CallArgument.request(
                    WebRequest(
                        method: "POST", path: "/", query: "",
                        headers: [("X-SERVE-SHARD-KEY", own)], body: .init()))
                let ofOwn = try await handle.options(shardKey: own).remote().text()
                let ofOther = try await handle.options(shardKey: other).remote().text()
                #expect(try await handle.remote(request).text() == ofOwn)
                #expect(
                    try await handle.options(shardKey: other).remote(request).text() == ofOther)
                if ofOwn != ofOther { differ += 1 }
            }
            #expect(differ > 5, "else it proves nothing")
        }
    }

    @Test("an endpoint without a route answers handles, and no path")
    func noRoute() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            try host.setEndpoint("hidden", weights: ["v2": 1])
            #expect(try await host.host.handle("hidden").remote().text() == "v2")
            #expect(try await host.http.call("hidden").status == 404)
            let list = try await host.http.send("GET", "/-/routes").text
            #expect(list == #"{"/v1":["v1",["GET","POST"]],"/v2":["v2",["GET","POST"]]}"#)
        }
    }

    @Test("each backend has its own limits: one without a method answers 404, the other doesn't")
    func ownMethods() async throws {
        var plugins = try Self.plugins
        plugins["libecho.so"] = Repository.product("libecho.so")
        try await TestHost.run(plugins: plugins) { host in
            try host.setEndpoint("split", route: "/split", weights: ["v1": 0.5, "echo": 0.5])
            let statuses = try await Self.answers(100) { number in
                let answer = try await host.http.call(
                    "split", "upper", "text", headers: ["X-SERVE-SHARD-KEY": "key-\(number)"])
                return "\(answer.status)"
            }
            #expect(Set(statuses.values) == ["200", "404"])
        }
    }
}
