import Foundation
import HostDeployment
import TestSupport
import Testing

/// A reload loses nothing: no call, no state, and not the generation that served before if the next one fails.
@Suite("A reload", .serialized)
struct ReloadTests {
    // MARK: State

    @Test(
        "State that can't be handed over stays where it is, and the old generation serves on",
        arguments: [
            (["FAIL_SAVE"], [], "save failed: cannot save (INTERNAL)"),
            ([], ["FAIL_RESTORE"], "restore failed: cannot restore (INTERNAL)"),
        ])
    func handOverFails(old: [String], new: [String], reason: String) async throws {
        let host = try await HostProcess(
            plugins: [
                "counting.so": try Fixture.library(
                    "counting", defines: old + ["VERSION=\"1\""])
            ])
        for count in 1...3 { #expect(try await host.http.call("counting").text == "\(count)") }
        let before = try await host.generation(of: "counting")

        try host.place(
            try Fixture.library("counting", defines: new + ["VERSION=\"2\""]), as: "counting.so")
        let status = try await host.wait(for: "counting") { $0.reason != nil }
        #expect(status.reason == reason)
        #expect(status.state == .serving)
        #expect(status.version == "1")
        #expect(status.generation == before)
        #expect(try await host.http.call("counting").text == "4")

        let reload = try await host.run("reload", "counting")
        #expect(reload.status == 1)
        #expect(
            reload.errors == """
                Error: counting was not reloaded: \(reason); the generation that served before \
                serves on

                """)
        #expect(try await host.http.call("counting").text == "5")
    }

    @Test("State is handed over under load: no call fails and none is counted twice")
    func handOverUnderLoad() async throws {
        let host = try await HostProcess(
            plugins: ["libcounter.so": Repository.product("libcounter.so")])
        let http = host.http
        let calls = try await withThrowingTaskGroup(of: Int.self) { group in
            let isOver = Flag()
            for _ in 0..<8 {
                group.addTask {
                    var calls = 0
                    while !isOver.isSet {
                        let answer = try await http.call("counter", "other_method", "1")
                        #expect(answer.status == 200 && answer.text == "true", "\(answer)")
                        calls += 1
                    }
                    return calls
                }
            }
            for _ in 0..<5 { #expect(try await host.run("reload", "counter").status == 0) }
            isOver.set()
            return try await group.reduce(0, +)
        }
        #expect(calls > 0)
        #expect(try await host.http.call("counter").text == "{\"current\":\(1 + calls)}")
    }

    @Test("State does not survive that the file goes and comes again")
    func stateEndsWithTheFile() async throws {
        let host = try await HostProcess(
            plugins: ["counting.so": try Fixture.library("counting")])
        #expect(try await host.http.call("counting").text == "1")
        #expect(try await host.http.call("counting").text == "2")
        try host.remove("counting.so")
        try await host.wait(for: "counting") { $0.state == .retired }
        try host.place(try Fixture.library("counting"), as: "counting.so")
        try await host.wait(for: "counting") { $0.state == .serving }
        #expect(try await host.http.call("counting").text == "1")
    }

    // MARK: Order

    @Test("The lifecycle functions run in the order of the contract, each once")
    func lifecycle() async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("lifecycle.log")
        let host = try await HostProcess(
            plugins: ["lifecycle.so": try Fixture.library("lifecycle")],
            environment: ["BACKPLANE_LIFECYCLE_LOG": log])
        func events() -> [String] {
            ((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
                .split(separator: "\n").map(String.init)
        }
        let start = ["load", "create 0", "warm_up", "check"]
        #expect(events() == start)

        #expect(try await host.run("reload", "lifecycle").status == 0)
        let reload = start + ["save", "restore", "destroy", "unload"]
        try await Eventually.true { events().count >= start.count + reload.count }
        #expect(events() == start + reload)

        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
        #expect(events() == start + reload + ["destroy", "unload"])
    }

    @Test("Reloads asked for at once are made one after the other")
    func reloadsAtOnce() async throws {
        let host = try await HostProcess(
            plugins: ["counting.so": try Fixture.library("counting")])
        #expect(try await host.http.call("counting").text == "1")
        let before = try #require(try await host.generation(of: "counting"))
        let outputs = try await withThrowingTaskGroup(of: Tool.Result.self) { group in
            for _ in 0..<5 { group.addTask { try await host.run("reload", "counting") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outputs.map(\.status) == [0, 0, 0, 0, 0])
        #expect(try await host.generation(of: "counting") == before + 5)
        #expect(try await host.http.call("counting").text == "2")
        let status = try await host.wait(for: "counting") { $0.drainingGenerations.isEmpty }
        #expect(status.retiredGenerations.sorted() == Array(before..<before + 5))
    }

    // MARK: Calls in flight

    @Test("A call in flight is finished by the old generation while the new one serves")
    func callInFlight() async throws {
        let old = try Fixture.library("counts_and_waits", defines: ["STATELESS", "VERSION=\"1\""])
        let new = try Fixture.library("counts_and_waits", defines: ["STATELESS", "VERSION=\"2\""])
        let host = try await HostProcess(plugins: ["waits.so": old])
        let generation = try #require(try await host.generation(of: "waits"))
        let (http, gate) = (host.http, host.directory.file("gate"))
        async let waiting = http.call("waits", "wait", gate)
        try await host.wait(for: "waits") { $0.calls.running == 1 }

        try host.place(new, as: "waits.so")
        let status = try await host.wait(for: "waits") { $0.version == "2" }
        #expect(status.drainingGenerations == [generation])
        #expect(try await http.call("waits", "version").text == "2")
        #expect(
            try await host.run("list").output.contains(
                "waits: finishing calls: generation \(generation)\n"))

        try Data().write(to: URL(fileURLWithPath: gate))
        #expect(try await waiting.text == "there")
        try await host.wait(for: "waits") {
            $0.drainingGenerations.isEmpty && $0.retiredGenerations == [generation]
        }
        #expect(host.logCount(of: " error ") == 0)
    }

    @Test("A call that hangs keeps neither the new generation from serving nor the old from ending")
    func callThatHangs() async throws {
        let host = try await HostProcess(
            plugins: ["blocks.so": try Fixture.library("blocks")],
            arguments: ["--drain-timeout", "1s"])
        let generation = try #require(try await host.generation(of: "blocks"))
        let http = host.http
        let hanging = Task { try await http.call("blocks") }
        defer { hanging.cancel() }
        try await host.wait(for: "blocks") { $0.calls.running == 1 }

        #expect(try await host.run("reload", "blocks").status == 0)
        // The plugin is not re-entrant: only the new generation can answer.
        #expect(try await http.call("blocks", "echo", "new").text == "new")
        let status = try await host.wait(for: "blocks") { !$0.retiredGenerations.isEmpty }
        #expect(status.retiredGenerations == [generation])
        #expect(status.drainingGenerations == [])
        #expect(
            host.logCount(
                of: " error ", "generation=\(generation)",
                "a call still runs after the drain timeout") == 1)
        #expect(try await http.call("blocks", "echo", "still").text == "still")
    }

    @Test("State that a hanging call may still change is not handed over: held calls go on")
    func callThatHangsWithState() async throws {
        let host = try await HostProcess(
            plugins: ["waits.so": try Fixture.library("counts_and_waits")],
            arguments: ["--drain-timeout", "2s"])
        let (http, gate) = (host.http, host.directory.file("gate"))
        for count in 1...3 { #expect(try await http.call("waits").text == "\(count)") }
        let before = try #require(try await host.generation(of: "waits"))
        async let waiting = http.call("waits", "wait", gate)
        try await host.wait(for: "waits") { $0.calls.running == 1 }

        let reload = Task { try await host.run("reload", "waits") }
        // Until calls are held, they are answered.
        var calls: [Task<HTTPTestClient.Response, any Error>] = []
        try await Eventually.true {
            calls.append(Task { try await http.call("waits") })
            return try #require(try await host.status(of: "waits")).calls.waiting > 0
        }
        let failed = try await reload.value
        #expect(failed.status == 1)
        #expect(
            failed.errors == """
                Error: waits was not reloaded: a call to waits did not return within 2.0 seconds; \
                the generation that served before serves on

                """)
        var answers: [Int] = []
        for call in calls {
            let answer = try await call.value
            #expect(answer.status == 200)
            answers.append(try #require(Int(answer.text)))
        }
        #expect(answers.sorted() == Array(4..<4 + calls.count))
        #expect(try await host.generation(of: "waits") == before)

        try Data().write(to: URL(fileURLWithPath: gate))
        #expect(try await waiting.text == "there")
        #expect(try await host.run("reload", "waits").status == 0)
        #expect(try await http.call("waits").text == "\(4 + calls.count)")
        #expect(try #require(try await host.generation(of: "waits")) > before)
    }

    // MARK: Generations that stay mapped

    @Test("Beyond --max-retired-generations a reload is refused with what to do")
    func tooManyGenerations() async throws {
        let host = try await HostProcess(
            plugins: ["libecho.so": Repository.product("libecho.so")],
            arguments: ["--max-retired-generations", "2"])
        for count in 1...2 {
            #expect(try await host.run("reload", "echo").status == 0)
            try await host.wait(for: "echo") { $0.retiredGenerations.count == count }
        }
        let before = try await host.generation(of: "echo")
        let refused = try await host.run("reload", "echo")
        #expect(refused.status == 1)
        #expect(
            refused.errors == """
                Error: echo was not reloaded: 2 retired generations are still mapped, which is \
                all that --max-retired-generations allows; restart the host to load more; the \
                generation that served before serves on

                """)
        let status = try #require(try await host.status(of: "echo"))
        #expect(status.generation == before)
        #expect(status.reason?.hasPrefix("2 retired generations are still mapped") == true)
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    @Test("Generations of an unloadable plugin don't stay, and don't count")
    func unloadable() async throws {
        let host = try await HostProcess(
            plugins: ["unloadable.so": try Fixture.library("unloadable")],
            arguments: ["--max-retired-generations", "1"])
        for _ in 0..<5 {
            #expect(try await host.run("reload", "unloadable").status == 0)
            try await host.wait(for: "unloadable") { $0.drainingGenerations.isEmpty }
        }
        #expect(try await host.http.call("unloadable").text == "here")
        #expect(try #require(try await host.status(of: "unloadable")).retiredGenerations == [])
        let maps = try await Program.run("cat", ["/proc/\(host.pid)/maps"]).output
        let mapped = maps.split(separator: "\n").filter { $0.contains("/unloadable-") }
            .compactMap { $0.split(separator: " ").last }
        #expect(Set(mapped).count == 1)
    }

    // MARK: Many of them

    @Test("Twenty reloads under the calls of eight clients: none fails, and list keeps its books")
    func twentyReloads() async throws {
        let reloads = 20
        let host = try await HostProcess(
            plugins: ["libecho.so": Repository.product("libecho.so")])
        let http = host.http
        let first = try #require(try await host.generation(of: "echo"))
        let calls = try await withThrowingTaskGroup(of: Int.self) { group in
            let isOver = Flag()
            for client in 0..<8 {
                group.addTask {
                    var calls = 0
                    while !isOver.isSet {
                        let text = "client \(client) call \(calls)"
                        let answer = try await http.call("echo", nil, text)
                        #expect(answer.status == 200 && answer.text == text, "\(answer)")
                        calls += 1
                    }
                    return calls
                }
            }
            for reload in 1...reloads {
                #expect(try await host.run("reload", "echo").status == 0)
                let status = try #require(try await host.status(of: "echo"))
                #expect(status.generation == first + reload)
                #expect(status.state == .serving)
                // Each of the others is in one of the two lists.
                let others = status.drainingGenerations + status.retiredGenerations
                #expect(others.sorted() == Array(first..<first + reload))
            }
            isOver.set()
            return try await group.reduce(0, +)
        }
        #expect(calls > 0)
        let status = try await host.wait(for: "echo") { $0.drainingGenerations.isEmpty }
        #expect(status.retiredGenerations.sorted() == Array(first..<first + reloads))
        #expect(status.calls.running == 0)
        #expect(status.calls.waiting == 0)
        #expect(status.calls.misuses == 0)
        #expect(host.logCount(of: "plugin=echo", "serving") == 1 + reloads)
        #expect(host.logCount(of: " error ") + host.logCount(of: " warning ") == 0)
    }

    // The call's replica has left the backend, so nobody waits for it there.
    @Test("A library is unmapped only when the last call in it has come back")
    func unloadsLast() async throws {
        let library = try Fixture.library("waits", defines: ["UNLOADABLE"])
        let host = try await HostProcess(plugins: ["libwaits.so": library])
        let (first, second) = (host.directory.file("first"), host.directory.file("second"))
        let http = host.http
        async let stays = http.call("waits", nil, first)
        try await host.wait(for: "waits") { $0.calls.running == 1 }
        let manifest = host.path(of: "waits.yaml")
        try "num_replicas: 2".write(toFile: manifest, atomically: true, encoding: .utf8)
        try await host.wait(for: "waits") { $0.replicas == 2 }
        async let leaves = http.call("waits", nil, second)
        try await host.wait(for: "waits") { $0.calls.running == 2 }
        try "num_replicas: 1".write(toFile: manifest, atomically: true, encoding: .utf8)
        try await host.wait(for: "waits") { $0.replicas == 1 }

        #expect(try await host.run("reload", "waits").status == 0)
        try Data().write(to: URL(fileURLWithPath: first))
        #expect(try await stays.text == "open")
        // Time enough to unmap the library under the other call.
        try await Task.sleep(for: .milliseconds(300))
        try Data().write(to: URL(fileURLWithPath: second))
        #expect(try await leaves.text == "open")
        let end = try await host.wait(for: "waits") { $0.drainingGenerations.isEmpty }
        #expect(end.retiredGenerations == [], "it was unmapped after that")
        #expect(host.isRunning)
    }
}
