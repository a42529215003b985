import Backplane
import Foundation
import HostDeployment
import TestSupport
import Testing

/// What a plugin's stage may do to the host: nothing.
@Suite struct PluginStageMisuseTests {
    /// FAILED_PRECONDITION for all that can be done to a request.
    private static let outOfTurn = "9 9 9 9 9 9 9 9 9"

    /// One event loop, so that the fixture remembers without a lock.
    private static func run(_ body: (TestHost) async throws -> Void) async throws {
        try await TestHost.run(stage: "stage_misuse", configure: { $0.eventLoopCount = 1 }, body)
    }

    private static func misuses(_ host: TestHost) async throws -> Int {
        try #require(try await host.status(of: "stage")).calls.misuses
    }

    @Test("a stage that answers twice is ignored the second time")
    func twice() async throws {
        try await Self.run { host in
            let answer = try await host.http.call("echo", headers: ["x-misuse": "twice"])
            #expect((answer.status, answer.text) == (200, "first"))
            #expect(try await Self.misuses(host) == 9)
            #expect(host.log.count(containing: "out of its turn") > 0)
        }
    }

    @Test("a stage that returns without a decision, and may not, is answered for")
    func undecided() async throws {
        try await Self.run { host in
            let answer = try await host.http.call("echo", headers: ["x-misuse": "undecided"])
            #expect(answer.status == 500)
            #expect(answer.text.contains("the middleware stage stage left the request undecided"))
            #expect(try await Self.misuses(host) == 1)
        }
    }

    @Test("what can't stand in a message is refused, and the request goes on without it")
    func badChanges() async throws {
        try await Self.run { host in
            let answer = try await host.http.call("metadata", headers: ["x-misuse": "bad_changes"])
            #expect(answer.status == 200)
            // INVALID_ARGUMENT; the body of a stage that doesn't read bodies: FAILED_PRECONDITION.
            #expect(answer.text.contains("x-results=3 3 3 3 3 3 9"))
            #expect(!answer.text.contains("x-bad") && !answer.text.contains("x-split"))
            #expect(answer.text.contains("path=/metadata\n"))
        }
    }

    @Test("an answer that can't be used is INTERNAL", arguments: ["bad_status", "bad_response"])
    func badAnswers(misuse: String) async throws {
        try await Self.run { host in
            let answer = try await host.http.call("echo", headers: ["x-misuse": misuse])
            #expect(answer.status == 500)
            #expect(try await Self.misuses(host) == 1)
        }
    }

    @Test(
        "a request that is over, or never was, is hit by nothing", arguments: ["over", "made_up"])
    func over(misuse: String) async throws {
        try await Self.run { host in
            #expect(try await host.http.call("echo").status == 200)
            let before = try await Self.misuses(host)
            let answer = try await host.http.call("metadata", headers: ["x-misuse": misuse])
            #expect(answer.text.contains("x-results=\(Self.outOfTurn)"))
            #expect(answer.text.contains("path=/metadata\n"))
            // Two of them are from on_response, which decides and rewrites what has gone on.
            #expect(try await Self.misuses(host) == before + 9 + 2)
            #expect(answer.headers["x-on-response"] == "9 9")
        }
    }

    @Test("a stage that keeps an event loop is named in the log")
    func overstays() async throws {
        try await Self.run { host in
            // The first one may have been the machine's doing.
            for _ in 0..<2 {
                let answer = try await host.http.call("echo", headers: ["x-misuse": "slow"])
                #expect(answer.status == 200)
            }
            #expect(host.log.count(containing: "a middleware stage kept a thread") == 1)
            #expect(host.log.count(containing: "function=on_request") == 1)
            #expect(host.log.count(containing: "middleware=stage") >= 1)
        }
    }

    // MARK: Decisions that come late, or never

    @Test("a stage that never decides is given up, and what it decides later comes too late")
    func neverDecides() async throws {
        try await TestHost.run(
            stage: "stage", configure: { $0.requestTimeout = .milliseconds(200) }
        ) { host in
            let never = try await host.http.call("echo", headers: ["x-step": "never"])
            #expect(never.status == 504)
            #expect(never.text.contains("the middleware stage stage did not decide in time"))

            let file = host.directory.file("go")
            let late = try await host.http.call(
                "echo", headers: ["x-step": "until", "x-file": file])
            #expect(late.status == 504)
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            // CANCELLED.
            try await Eventually.true { host.log.count(containing: "was told 1") == 1 }
            #expect(host.log.count(containing: "ended") == 0)
        }
    }

    @Test("a stage may decide after the client has gone")
    func clientGone() async throws {
        try await TestHost.run(stage: "stage", configure: { $0.eventLoopCount = 1 }) { host in
            let file = host.directory.file("go")
            do {
                let socket = try RawSocket(port: host.port)
                try socket.send(
                    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nx-step: until\r\n"
                        + "x-file: \(file)\r\n\r\n")
                // The one loop has taken it when it answers this, which came later.
                _ = try await host.http.send("GET", "/-/healthz")
            }
            _ = try await host.http.send("GET", "/-/healthz")
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            // CANCELLED, behind the stage.
            try await Eventually.true { host.log.count(containing: "ended 1") == 1 }
            #expect(try await host.http.call("echo", nil, "next").text == "next")
        }
    }
}
