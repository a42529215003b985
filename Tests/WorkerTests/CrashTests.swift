import Backplane
import Foundation
import HostDeployment
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// Plugins that end the process that they run in, and nobody else.
@Suite struct CrashTests {
    private static let process = "isolation: process\nrestart: {backoff: 10ms, deaths: 0}\n"

    private func run(
        _ sick: String, _ manifest: String = process, defines: [String] = [],
        _ body: (TestHost) async throws -> Void
    ) async throws {
        try await TestHost.run(
            plugins: [
                "libsick.so": try Fixture.library(sick, defines: defines),
                "libecho.so": Repository.product("libecho.so"),
            ],
            manifests: ["sick": manifest, "echo": "isolation: process"], body)
    }

    // A sanitizer takes the signals, and ends the process in its own way.
    @Test(
        "a crash is a 502 that says how, a plugin beside it serves on, and it serves again by itself",
        .disabled(if: Sanitizer.current != nil),
        arguments: [
            ("segv", "signal 11 (SIGSEGV)"), ("bus", "signal 7 (SIGBUS)"),
            ("fpe", "signal 8 (SIGFPE)"), ("ill", "signal 4 (SIGILL)"),
            ("abort", "signal 6 (SIGABRT)"), ("free", "signal 6 (SIGABRT)"),
            ("overflow", "signal 11 (SIGSEGV)"), ("alarm", "signal 14"),
            ("exit", "exit status 0"), ("_exit", "exit status 0"),
        ])
    func crash(way: String, how: String) async throws {
        try await run("ends") { host in
            let before = try #require(try await host.status(of: "echo")).processes
            let isOver = NIOLockedValueBox(false)
            async let healthy = failures(of: "echo", host, clients: 4, until: isOver)
            for _ in 0..<3 {
                let answer = try await host.http.call("sick", nil, way)
                #expect(answer.status == 502)
                #expect(answer.text.contains("the worker process of sick ended"))
                #expect(answer.text.contains(how), "\(answer.text)")
                #expect(answer.text.contains("while it ran __call__"))
                #expect(
                    answer.headers["content-type"] == "application/problem+json")
                // It waits for the next one, and is no failure.
                #expect(try await host.http.call("sick", nil, "").text == "still here")
            }
            isOver.withLockedValue { $0 = true }
            #expect(try await healthy == [])
            #expect(try await host.status(of: "echo")?.processes == before)
            let status = try await host.wait(for: "sick") { $0.replicas == 1 }
            #expect(status.replacedReplicas == 3)
            #expect(status.lastReplacement?.contains(how) == true)
            // The last line of the process, under the plugin's name: where it was.
            if ["segv", "abort", "fpe", "overflow"].contains(way) {
                let name = String(how.split(separator: "(")[1].dropLast())
                try await Eventually.true {
                    host.log.text.count {
                        $0.contains("signal=\(name)") && $0.contains("the worker process ends: ")
                            && $0.contains("plugin=sick")
                    } == 3
                }
            }
        }
    }

    /// Calls an endpoint from several clients until somebody says that it is enough.
    ///
    /// - Returns: the responses that are none.
    private func failures(
        of endpoint: String, _ host: TestHost, clients: Int, until isOver: NIOLockedValueBox<Bool>
    ) async throws -> [String] {
        try await withThrowingTaskGroup(of: [String].self) { group in
            for client in 0..<clients {
                group.addTask {
                    var failures: [String] = []
                    while !isOver.withLockedValue({ $0 }) {
                        let answer = try await host.http.call(endpoint, nil, "client \(client)")
                        if answer.status != 200 || answer.text != "client \(client)" {
                            failures.append("\(answer.status) \(answer.text)")
                        }
                    }
                    return failures
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    @Test(
        "what it writes into the memory that it shares, and closes, harms nobody else",
        arguments: ["garbage", "close_all"])
    func misuse(method: String) async throws {
        try await run("harms", Self.process + "request_timeout: 1s\nhang_grace: 100ms") { host in
            let isOver = NIOLockedValueBox(false)
            async let healthy = failures(of: "echo", host, clients: 2, until: isOver)
            for _ in 0..<3 {
                #expect(
                    [200, 502, 504].contains(try await host.http.call("sick", method, "x").status))
                try await Eventually.true {
                    try await host.http.call("sick", nil, "on").text == "on"
                }
            }
            isOver.withLockedValue { $0 = true }
            #expect(try await healthy == [])
            if method == "garbage" {
                // It is ended for what it reports, or ends itself before that.
                let status = try await host.wait(for: "sick") { $0.replicas == 1 }
                #expect(status.replacedReplicas >= 3)
                #expect(status.processes.count == 1)
            }
        }
    }

    @Test(
        "one that hangs, or is stopped, is killed after its deadline and the grace",
        arguments: ["loop", "stop"])
    func hangs(method: String) async throws {
        try await run("harms", Self.process + "request_timeout: 500ms\nhang_grace: 100ms") { host in
            /// The process that answers; one that is being started may take longer than a call may.
            func process() async throws -> String {
                try await Eventually.value {
                    let answer = try await host.http.call("sick", "process")
                    return answer.status == 200 ? answer.text : nil
                }
            }
            for _ in 0..<10 {
                let pid = try await process()
                #expect(try await host.http.call("sick", method, "x").status == 504)
                try await Eventually.true { try await process() != pid }
                try await Eventually.true { kill(Int32(pid) ?? 0, 0) == -1 && errno == ESRCH }
            }
        }
    }

    @Test("a call of an idempotent method runs once more elsewhere, and another one does not")
    func again() async throws {
        try await run("harms") { host in
            let file = host.directory.file("same")
            #expect(try await host.http.call("sick", "same", file).text == file)
            #expect(
                try await host.http.call("sick", "other", host.directory.file("other")).status
                    == 502)
            let status = try await host.wait(for: "sick") { $0.replicas == 1 }
            #expect(status.replacedReplicas == 2)
        }
    }

    @Test("a call that runs once more sees that nobody waits for it")
    func abandonedAgain() async throws {
        try await run("harms", Self.process + "request_timeout: 2s\nhang_grace: 30s") { host in
            let file = host.directory.file("waits")
            #expect(try await host.http.call("sick", "same_waits", file).status == 504)
            try await Eventually.true { FileManager.default.fileExists(atPath: "\(file).seen") }
        }
    }

    @Test("calls that the plugin has not seen run again, whatever their method says")
    func notBegun() async throws {
        try await run("harms", Self.process + "request_timeout: 20s") { host in
            // Short calls go to the process several at a time.
            for _ in 0..<50 { #expect(try await host.http.call("sick", nil, "x").status == 200) }
            for _ in 0..<5 {
                let file = host.directory.file("other")
                try? FileManager.default.removeItem(atPath: file)
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<40 {
                        let isLast = number == 20
                        group.addTask {
                            try await host.http.call("sick", isLast ? "other" : nil, file).status
                        }
                    }
                    return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
                }
                // The one that crashed it, and no other.
                #expect(statuses == [502: 1, 200: 39], "\(statuses)")
            }
        }
    }

    @Test("what a plugin prints is in the log, under its name")
    func output() async throws {
        try await run("harms") { host in
            #expect(try await host.http.call("sick", "print", "x").text == "x")
            try await Eventually.true {
                host.log.count(containing: "printed by the plugin") == 1
                    && host.log.count(containing: "complained") == 1
            }
        }
    }

    @Test("one that dies again and again is left alone for a while, and the list says why")
    func circuit() async throws {
        try await run(
            "harms",
            "isolation: process\nrestart: {backoff: 1ms, deaths: 2, window: 10m, max_backoff: 2s}"
        ) { host in
            for _ in 0..<3 {
                try await Eventually.true {
                    try await host.http.call("sick", "other", host.directory.file("x")).status
                        == 502
                }
                try FileManager.default.removeItem(atPath: host.directory.file("x"))
            }
            let status = try await host.wait(for: "sick") { $0.reason != nil }
            #expect(status.reason?.contains("3 worker processes have died within 600 s") == true)
            let refused = try await host.http.call("sick", nil, "x")
            #expect(refused.status == 503)
            // Then one is tried.
            try await Eventually.true { try await host.http.call("sick", nil, "x").text == "x" }
            #expect(try await host.wait(for: "sick") { $0.replicas == 1 }.reason == nil)
        }
    }

    @Test("one that crashes in create, or in load, is refused, and the host goes on")
    func start() async throws {
        try await run("harms", "isolation: process\nuser_config: crash") { host in
            let status = try await host.wait(for: "sick") { $0.state == .failed }
            #expect(
                status.reason?.contains("ended by signal 6 (SIGABRT)") == true,
                "\(status.reason ?? "")")
            #expect(try await host.http.call("echo", nil, "on").text == "on")
            try host.writeManifest("sick", Self.process)
            _ = try await host.wait(for: "sick") { $0.state == .serving }
            #expect(try await host.http.call("sick", nil, "on").text == "on")
        }
        try await run("harms", defines: ["CRASH_IN_LOAD"]) { host in
            let status = try await host.wait(for: "sick") { $0.state == .failed }
            #expect(
                status.reason?.contains("ended by signal 6 (SIGABRT)") == true,
                "\(status.reason ?? "")")
        }
    }

    @Test("thousands of kills under load: each call is answered once, and nothing is left")
    func kills() async throws {
        let seconds =
            Double(ProcessInfo.processInfo.environment["BACKPLANE_KILL_SECONDS"] ?? "") ?? 5
        try await run(
            "harms",
            "isolation: process\nrestart: {backoff: 0s, deaths: 0}\nnum_replicas: 2"
        ) {
            host in
            _ = try await host.wait(for: "sick") { $0.replicas == 2 }
            let isOver = NIOLockedValueBox(false)
            async let answers = statuses(of: "sick", host, clients: 16, until: isOver)
            var kills = 0
            let end = ContinuousClock.now + .seconds(seconds)
            while ContinuousClock.now < end {
                for process in try await host.status(of: "sick")?.processes ?? [] {
                    if kill(Int32(process), SIGKILL) == 0 { kills += 1 }
                }
                try await Task.sleep(for: .milliseconds(.random(in: 10...100)))
            }
            isOver.withLockedValue { $0 = true }
            let counts = try await answers
            #expect(Set(counts.keys).isSubset(of: [200, 502]), "\(counts)")
            #expect((counts[200] ?? 0) > 0)
            print("kills: \(kills); \(counts)")
            _ = try await host.wait(for: "sick") { $0.replicas == 2 && $0.calls.running == 0 }
        }
    }

    /// As ``failures(of:_:clients:until:)``; each response with 200 must be its own request's.
    ///
    /// - Returns: how often each status came.
    private func statuses(
        of endpoint: String, _ host: TestHost, clients: Int, until isOver: NIOLockedValueBox<Bool>
    ) async throws -> [Int: Int] {
        try await withThrowingTaskGroup(of: [Int: Int].self) { group in
            for client in 0..<clients {
                group.addTask {
                    var counts: [Int: Int] = [:]
                    var number = 0
                    while !isOver.withLockedValue({ $0 }) {
                        number += 1
                        let body =
                            "\(client) \(number) \(String(repeating: "x", count: number % 3_000))"
                        let answer = try await host.http.call(endpoint, nil, body)
                        if answer.status == 200 { #expect(answer.text == body) }
                        counts[answer.status, default: 0] += 1
                    }
                    return counts
                }
            }
            return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        }
    }
}
