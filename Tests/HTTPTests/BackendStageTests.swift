import Backplane
import HostCore
import TestSupport
import Testing

/// Built-in stages around a backend, as its manifest asks for them. What each of them does is tested in
/// MiddlewareTests.
@Suite(.throttled) struct BackendStageTests {
    private static func run(
        _ plugin: String, _ stages: String, _ body: (Wire) async throws -> Void
    ) async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: plugin), manifests: [plugin: "middleware: \(stages)"]
        ) { host in
            try await body(Wire(to: host))
        }
    }

    @Test("a backend unpacks what another one has packed")
    func compression() async throws {
        let text = String(repeating: "a text that is worth it. ", count: 400)
        try await TestHost.run(
            plugins: Plugins.echo,
            manifests: ["echo": "middleware: [compression: {types: ['*/*']}]"]
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, text, headers: ["Accept-Encoding: gzip"]))
            let packed = try await wire.response()
            #expect(packed.status == 200)
            #expect(packed["content-encoding"] == "gzip")
            #expect(packed["vary"] == "accept-encoding")
            #expect(packed["content-length"] == "\(packed.body.count)")
            #expect(packed.body.count < text.utf8.count / 10)

            let head = Requests.make(
                "POST", "/echo",
                headers: ["Content-Encoding: gzip", "Content-Length: \(packed.body.count)"])
            try await wire.send(Array(head.utf8) + packed.body)
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.text == text)

            // Cut off, it is the client's fault, and the connection goes on.
            let short = Requests.make(
                "POST", "/echo",
                headers: ["Content-Encoding: gzip", "Content-Length: \(packed.body.count - 1)"])
            try await wire.send(Array(short.utf8) + packed.body.dropLast())
            #expect(try await wire.response().problem?.status == 400)
            try await wire.send(Requests.call("echo", nil, "still here"))
            #expect(try await wire.response().text == "still here")
        }
    }

    @Test(
        "another try goes to another replica than the one that has failed",
        arguments: ["__call__", "inline"])
    func otherReplica(method: String) async throws {
        try await TestHost.run(
            plugins: try Plugins.echo(and: "first_fails"),
            manifests: [
                "first_fails": """
                num_replicas: 2
                middleware: [retry: {methods: [POST], attempts: 2, backoff: 1us, budget: 1}]
                """
            ]
        ) { host in
            let wire = try Wire(to: host)
            for _ in 0..<40 {
                try await wire.send(Requests.call("first_fails", method, "x"))
                #expect(try await wire.response().text == "1")
            }
        }
    }

    @Test("a client that sends too much is told so by a problem")
    func rateLimit() async throws {
        try await Self.run("metadata", "[rate-limit: {rate: 1/h}]") { wire in
            try await wire.send(Requests.call("metadata"))
            let first = try await wire.response()
            #expect(first.status == 200)
            #expect(first["ratelimit"] == "\"default\";r=0;t=3600")
            try await wire.send(Requests.call("metadata"))
            let refused = try await wire.response()
            #expect(refused.problem?.status == 429)
            #expect(refused["retry-after"] == "3600")
            #expect(refused["ratelimit-policy"] == "\"default\";q=1;w=3600")
            // Another endpoint, another backend: no stage.
            try await wire.send(Requests.call("echo", nil, "hello"))
            #expect(try await wire.response().text == "hello")
        }
    }

    @Test("the plugin is told who calls, and nobody can say so by themselves")
    func auth() async throws {
        let stage = "[auth: {bearer: {tokens: {alice: wonder}}}]"
        try await Self.run("metadata", stage) { wire in
            try await wire.send(
                Requests.call(
                    "metadata", headers: ["X-Auth-Subject: root", "Authorization: Bearer wonder"]))
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.text.contains("x-auth-subject=alice\n"))
            #expect(!answer.text.contains("root"))
            try await wire.send(Requests.call("metadata", headers: ["X-Auth-Subject: alice"]))
            let refused = try await wire.response()
            #expect(refused.problem?.status == 401)
            #expect(refused["www-authenticate"] == "Bearer realm=\"backplane\"")
        }
    }

    @Test("three tries of one request open the circuit behind them")
    func retries() async throws {
        let stages = """
            [retry: {statuses: [500], backoff: 1ms}, circuit-breaker: {failures: 3, open_for: 1h}]
            """
        try await Self.run("statuses", stages) { wire in
            try await wire.send(Requests.make("GET", "/statuses"))
            #expect(try await wire.response().problem?.status == 500)
            try await wire.send(Requests.make("GET", "/statuses"))
            let refused = try await wire.response()
            #expect(refused.problem?.status == 503)
            #expect(refused["retry-after"] == "3600")
        }
    }

    @Test(
        "a client's hurry doesn't open the circuit; the backend's own deadline does",
        arguments: [("30s", "0.01", 504), ("10ms", "30", 503)])
    func hurry(_ timeout: String, _ patience: String, _ second: Int) async throws {
        let plugin = "never_finishes_async"
        let manifest = """
            request_timeout: \(timeout)
            middleware: [circuit-breaker: {failures: 1, open_for: 1h}]
            """
        try await TestHost.run(
            plugins: try Plugins.echo(and: plugin), manifests: [plugin: manifest]
        ) { host in
            let wire = try Wire(to: host)
            let request = Requests.call(
                plugin, headers: ["X-Request-Timeout-Seconds: \(patience)"])
            try await wire.send(request)
            #expect(try await wire.response().problem?.status == 504)
            try await wire.send(request)
            #expect(try await wire.response().problem?.status == second)
        }
    }
}
