import Foundation
import HostAdmin
import HostCore
import HostDeployment
import HostForms
import HostState
import TestSupport
import Testing

/// Chains of middleware, as an operator sets and sees them.
@Suite struct MiddlewareOperationTests {
    private static let echo = ["libecho.so": Repository.product("libecho.so")]

    private static func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test("list --middleware shows each chain with what its stages have done")
    func list() async throws {
        let host = try await HostProcess(plugins: Self.echo)
        let bare = try await host.run("list", "--middleware")
        #expect(bare.output.hasPrefix("no middleware; "), "\(bare.errors)")

        let path = host.directory.file("backplane.yaml")
        try Self.write(
            """
            middleware: [request-id, trusted-host: {allowed_hosts: [127.0.0.1]}]
            backends:
              echo: {plugin: echo, middleware: [body-limit: {max_size: 10}]}
              other: {plugin: echo}
            endpoints: {echo: {route: /echo, traffic: {echo: 1}}}

            """, to: path)
        #expect(try await host.run("apply", "-f", path).status == 0)
        for (body, status) in [("short", 200), ("much too long", 413)] {
            #expect(try await host.http.call("echo", nil, body).status == status)
        }
        let strange = try await host.http.send("POST", "/echo", headers: ["Host": "strange"])
        #expect(strange.status == 400)

        let table = try await host.run("list", "--middleware").output.split(separator: "\n")
        let rows = table.dropFirst().map { $0.split(separator: " ").map(String.init) }
        #expect(table[0].hasPrefix("AROUND         STAGE         FROM           CALLS  ERRORS"))
        try #require(rows.count == 4, "\(table)")
        #expect(
            rows[0].prefix(6) == ["all", "endpoints", "request-id", "configuration", "3", "0"])
        #expect(
            rows[1].prefix(6) == ["all", "endpoints", "trusted-host", "configuration", "3", "1"])
        #expect(rows[2].prefix(5) == ["echo", "body-limit", "configuration", "2", "1"])
        #expect(table[4] == "without middleware of their own: other")

        let json = try await host.run("list", "--middleware", "--json").output
        let chains = try JSONDecoder().decode([ChainStatus].self, from: Data(json.utf8))
        #expect(chains.map(\.backend) == [nil, "echo", "other"])
        #expect(chains[0].stages[1].options == ["allowed_hosts": ["127.0.0.1"]])
        #expect(chains[1].stages[0].calls == 2 && chains[1].stages[0].errors == 1)
        #expect(chains.flatMap(\.stages).allSatisfy { $0.seconds > 0 })
        #expect(chains[2].stages == [])
    }

    @Test("a stage's secrets are shown to nobody, and a table has one line for each row")
    func secrets() async throws {
        let host = try await HostProcess(plugins: Self.echo)
        let path = host.directory.file("backplane.yaml")
        try Self.write("middleware: [auth: {api_key: {keys: {carol: hidden-1}}}]\n", to: path)
        #expect(try await host.run("apply", "-f", path).status == 0)
        let shown = [
            try await host.run("list", "--middleware", "--json").output,
            try await host.run("export").output, try await host.run("rollback", "--list").output,
        ]
        #expect(shown.allSatisfy { !$0.contains("hidden") }, "\(shown)")
        #expect(shown[0].contains("carol") && shown[1].contains("carol"))
        #expect(try await host.http.call("echo").status == 401)

        let name = "libx\u{1B}[31m\nforged 1.0.so"
        try Data("no library".utf8)
            .write(to: URL(fileURLWithPath: "\(host.pluginsDirectory)/\(name)"))
        _ = try await host.wait(for: "x\u{1B}[31m\nforged 1.0") { $0.reason != nil }
        let table = try await host.run("list").output
        #expect(!table.contains("\u{1B}") && !table.contains("\nforged"), "\(table)")
    }

    @Test("the FAQ's example lets pages of other origins call")
    func cors() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        try Self.write(
            """
            middleware:
              - cors: {allow_origins: ["*"], allow_methods: ["*"]}

            """, to: path)
        let host = try await HostProcess(plugins: Self.echo, arguments: ["--config", path])
        let page = ["Origin": "https://page.example", "Access-Control-Request-Method": "PUT"]
        let preflight = try await host.http.send("OPTIONS", "/echo", headers: page)
        #expect(preflight.status == 204)
        #expect(preflight.headers["access-control-allow-origin"] == "*")
        #expect(
            preflight.headers["access-control-allow-methods"]?.contains("PUT") == true
                || preflight.headers["access-control-allow-methods"] == "*")
        let answer = try await host.http.call(
            "echo", nil, "hello", headers: ["Origin": "https://page.example"])
        #expect((answer.status, answer.text) == (200, "hello"))
        #expect(answer.headers["access-control-allow-origin"] == "*")
    }

    @Test("backends update sets a chain; a stage that isn't there is refused, and the chain stays")
    func update() async throws {
        let host = try await HostProcess(plugins: Self.echo)
        let set = try await host.run(
            "backends", "update", "echo", "--config", #"{"middleware": ["request-id"]}"#)
        #expect(set.status == 0, "\(set.errors)")
        let answer = try await host.http.call("echo", headers: ["X-Request-ID": "mine"])
        #expect(answer.headers["x-request-id"] == "mine")

        let refused = try await host.run(
            "backends", "update", "echo", "--config", #"{"middleware": ["request-ids"]}"#)
        #expect(refused.status == 1)
        #expect(
            refused.errors
                == "Error: middleware request-ids of backend echo: there is no middleware stage "
                + "request-ids; did you mean request-id?\n")
        let api = DocumentedAPI(host)
        try await api.ask(
            .updateBackend, "echo", body: #"{"middleware": ["corz"]}"#, gives: 422)
        try await api.ask(
            .updateBackend, "echo", body: #"{"middleware": [{"cors": {"allow": 1}}]}"#, gives: 400)
        try await api.ask(
            .createBackend,
            body: #"{"tag": "b", "plugin": "echo", "config": {"middleware": ["corz"]}}"#,
            gives: 422)
        try await api.ask(.listMiddleware, gives: 200)
        #expect(
            try await host.http.call("echo", headers: ["X-Request-ID": "mine"])
                .headers["x-request-id"] == "mine")

        let emptied = try await host.run(
            "backends", "update", "echo", "--config", #"{"middleware": []}"#)
        #expect(emptied.status == 0, "\(emptied.errors)")
        #expect(
            try await host.http.call("echo", headers: ["X-Request-ID": "mine"])
                .headers["x-request-id"] == nil)
    }

    @Test("a wrong stage in a file is told with line and column, and nothing changes")
    func mistake() async throws {
        let host = try await HostProcess(plugins: Self.echo)
        let path = host.directory.file("backplane.yaml")
        try Self.write("middleware:\n  - request-id\n  - corz\n", to: path)
        let result = try await host.run("apply", "-f", path)
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: \(path):3:5: there is no middleware stage corz; did you mean cors?\n")
        #expect(try await host.run("list", "--middleware").output.hasPrefix("no middleware; "))
    }

    @Test("SIGHUP changes the chain, and a stage that stays keeps what it counts")
    func reload() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        let limit = "rate-limit: {rate: 2/h}"
        try Self.write("middleware:\n  - \(limit)\n", to: path)
        let host = try await HostProcess(plugins: Self.echo, arguments: ["--config", path])
        #expect(try await host.http.call("echo").status == 200)

        try Self.write("middleware:\n  - request-id\n  - \(limit)\n", to: path)
        host.signal(SIGHUP)
        let client = AdminClient(socket: host.adminSocket)
        try await Eventually.true {
            try await client.middleware()[0].stages.map(\.name) == ["request-id", "rate-limit"]
        }
        let second = try await host.http.call("echo")
        #expect(second.status == 200 && second.headers["x-request-id"] != nil)
        #expect(try await host.http.call("echo").status == 429)
        #expect(try await client.middleware()[0].stages.map(\.calls) == [2, 3])

        try Self.write("middleware: [corz]\n", to: path)
        host.signal(SIGHUP)
        try await Eventually.true { host.log.contains("nothing has changed") }
        #expect(try await host.http.call("echo").status == 429)
    }

    @Test("after kill -9 the chains are there that were acknowledged last")
    func kill() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        try Self.write("middleware: [request-id: {header: x-name}]\n", to: path)
        let arguments = ["--state-file", directory.file("state")]
        let first = try await HostProcess(plugins: Self.echo, arguments: arguments)
        #expect(try await first.run("apply", "-f", path).status == 0)
        #expect(
            try await first.run(
                "backends", "update", "echo", "--config",
                #"{"middleware": [{"headers": {"response": {"set": {"x-team": "search"}}}}]}"#
            ).status == 0)
        first.signal(SIGKILL)
        _ = try await first.waitForExit()

        let second = try await HostProcess(plugins: Self.echo, arguments: arguments)
        let answer = try await second.http.call("echo", headers: ["x-name": "mine"])
        #expect(answer.headers["x-name"] == "mine" && answer.headers["x-team"] == "search")
        #expect(
            try await AdminClient(socket: second.adminSocket).middleware()
                .map { $0.stages.map(\.name) } == [["request-id"], ["headers"]])
    }
}
