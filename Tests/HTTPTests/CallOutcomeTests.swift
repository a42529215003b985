import Backplane
import HostDeployment
import TestSupport
import Testing

/// What a plugin answers, as HTTP.
@Suite(.throttled) struct CallOutcomeTests {
    /// Each number of `backplane_status_t` with the HTTP status that the header promises.
    private static let statuses = [
        (1, 499), (2, 500), (3, 400), (4, 504), (5, 404), (6, 409), (7, 403), (8, 429), (9, 400),
        (10, 409), (11, 400), (12, 501), (13, 500), (14, 503), (15, 500), (16, 401),
        // OK is no failure, and these are none of gRPC's: they count as UNKNOWN.
        (0, 500), (17, 500), (-1, 500), (1_000_000, 500),
    ]

    @Test("a plugin's status becomes an HTTP status, its message the detail")
    func statuses() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "statuses")) { host in
            let wire = try Wire(to: host)
            for (number, status) in Self.statuses {
                try await wire.send(Requests.call("statuses", nil, "\(number)"))
                let answer = try await wire.response()
                #expect(answer.status == status, "status \(number)")
                #expect(answer.problem?.status == status)
                #expect(answer.problem?.detail == "as asked")
                #expect(answer.problem?.title.isEmpty == false)
                #expect(!answer.closes)
            }
        }
    }

    @Test("a plugin's headers and content type pass through, in order")
    func headers() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "answers_headers")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call(
                    "answers_headers", nil, "X-One: 1\nSet-Cookie: a=1\nSet-Cookie: b=2\nX-Two: 2"))
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer["content-type"] == "text/x-first")
            #expect(
                answer.headers.suffix(4).map { "\($0.name)=\($0.value)" }
                    == ["X-One=1", "Set-Cookie=a=1", "Set-Cookie=b=2", "X-Two=2"])
        }
    }

    @Test("what HTTP leaves to the host is dropped from a plugin's headers")
    func hostsOwnHeaders() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "answers_headers")) { host in
            let wire = try Wire(to: host)
            let own = [
                "Content-Length: 3", "Transfer-Encoding: chunked", "Connection: close",
                "Keep-Alive: timeout=1", "Upgrade: h2c", "Trailer: X-One", "Date: never",
                "Content-Type: text/wrong", "Proxy-Connection: close", "X-Kept: 1",
            ]
            for method in ["__call__", "stream"] {
                try await wire.send(
                    Requests.call("answers_headers", method, own.joined(separator: "\n")))
                let answer = try await wire.response()
                #expect(answer.text == (method == "stream" ? "one two three" : "answered"))
                #expect(answer["content-type"] == "text/x-first")
                #expect(answer["date"] != "never")
                #expect(answer["x-kept"] == "1")
                for name in ["connection", "keep-alive", "upgrade", "trailer", "proxy-connection"] {
                    #expect(answer[name] == nil, "\(name)")
                }
            }
        }
    }

    @Test("a plugin can't split an answer in two")
    func splitting() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "answers_headers")) { host in
            let wire = try Wire(to: host)
            for header in ["X-One: 1\r", "X One: 1", "X-One: a\u{0}b", ": 1"] {
                try await wire.send(Requests.call("answers_headers", nil, header))
                let answer = try await wire.response()
                #expect(answer.status == 500 || answer.text == "answered" && header == ": 1")
            }
        }
    }

    @Test("calls beyond the queue's limit are turned away, and may come back")
    func fullQueue() async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: "waits"),
            configure: TestHost.setting(\.maxQueuedRequests, 1)
        ) { host in
            let gate = try Gate()
            let wires = try (0..<3).map { _ in try Wire(to: host) }
            try await wires[0].send(Requests.call("waits", nil, gate.path))
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            try await wires[1].send(Requests.call("waits", nil, gate.path))
            _ = try await host.wait(for: "waits") { $0.calls.waiting == 1 }
            try await wires[2].send(Requests.call("waits", nil, gate.path))
            let refusal = try await wires[2].response()
            #expect(refusal.status == 503)
            #expect(refusal["retry-after"] == "1")
            #expect(refusal.problem?.detail.contains("max_queued_requests") ?? false)
            #expect(!refusal.closes)
            gate.open()
            for wire in wires[..<2] { #expect(try await wire.response().status == 200) }
        }
    }
}
