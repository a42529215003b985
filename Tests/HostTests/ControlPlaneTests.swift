import Foundation
import HostDeployment
import TestSupport
import Testing

/// Backends, endpoints and traffic, as an operator changes them.
@Suite("The control plane") struct ControlPlaneTests {
    private static let examples = [
        "libecho.so": Repository.product("libecho.so"),
        "libcounter.so": Repository.product("libcounter.so"),
    ]

    /// The file in the README, without its listener and directory.
    private static let file = """
        backends:
          counter:v1: {plugin: counter, num_replicas: 1, user_config: {start: 100}}
          counter:v2: {plugin: counter, max_concurrent_queries: 8, max_queued_requests: 100}
          echo: {plugin: echo, max_batch_size: 16, batch_wait_timeout: 2ms}
        endpoints:
          counter:
            route: /counter
            methods: [GET, POST]
            traffic: {"counter:v1": 0.9, "counter:v2": 0.1}
            shadow: {"counter:v2": 0.05}
          echo: {route: /echo/*, traffic: {echo: 1}}

        """

    private func count(_ text: String) throws -> Int {
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Int]
        return try #require(json?["current"])
    }

    // MARK: Operations

    @Test("create_backend, create_endpoint, set_traffic: a second backend of a plugin takes over")
    func secondBackend() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let created = try await host.run(
            "backends", "create", "counter:v2", "--plugin", "counter", "--config",
            #"{"user_config": {"start": 100}, "num_replicas": 1}"#)
        #expect(created.status == 0, "\(created.errors)")
        #expect(created.output.contains("counter:v2"))
        #expect(
            try await host.run(
                "endpoints", "create", "second", "--backend", "counter:v2", "--route", "/second",
                "--methods", "GET"
            ).status == 0)
        #expect(try await host.http.send("GET", "/second").text == #"{"current":100}"#)
        let refused = try await host.http.send("POST", "/second")
        #expect(refused.status == 405 && refused.headers["allow"] == "GET, HEAD")

        #expect(
            try await host.run("traffic", "set", "counter", "counter:v2=1").status == 0)
        #expect(try await host.http.send("GET", "/counter").text == #"{"current":100}"#)
        let inUse = try await host.run("backends", "delete", "counter:v2")
        #expect(inUse.status == 1)
        #expect(inUse.errors.contains("counter, second"), "\(inUse.errors)")
    }

    @Test("delete_endpoint: HTTP 404 afterwards, and the name can be used again")
    func deleteEndpoint() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        #expect(try await host.run("endpoints", "delete", "counter").status == 0)
        #expect(try await host.http.send("GET", "/counter").status == 404)
        let missing = try await host.run("endpoints", "delete", "ecko")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("no endpoint ecko; did you mean echo?"))
        #expect(
            try await host.run(
                "endpoints", "create", "counter", "--backend", "counter", "--route", "/again/*"
            ).status == 0)
        #expect(try await host.http.send("GET", "/again/and/again").status == 200)
    }

    @Test("update_backend_config: user_config reaches reconfigure without a reload")
    func reconfigure() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let generation = try await host.generation(of: "counter")
        let updated = try await host.run(
            "backends", "update", "counter", "--config", #"{"user_config": {"start": 7}}"#)
        #expect(updated.status == 0, "\(updated.errors)")
        #expect(try await host.http.call("counter").text == #"{"current":1}"#)
        #expect(try await host.http.call("counter", "reset").text == "true")
        #expect(try await host.http.call("counter").text == #"{"current":7}"#)
        #expect(try await host.generation(of: "counter") == generation)
    }

    @Test(
        "a backend that can't be started is not created, and the command put right is; a plugin that is not there yet is named"
    )
    func notServed() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let before = try await host.run("export").output
        let refused = try await host.run(
            "backends", "create", "bad", "--plugin", "counter", "--config",
            #"{"user_config": {"start": "x"}}"#)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("backend bad can't be served"), "\(refused.errors)")
        #expect(refused.errors.contains("give it a start"))
        let misspelt = try await host.run("backends", "create", "bad", "--plugin", "countr")
        #expect(misspelt.status == 1)
        #expect(misspelt.errors.contains("no plugin countr"), "\(misspelt.errors)")
        #expect(misspelt.errors.contains("did you mean counter?"))
        #expect(try await host.run("export").output == before)
        #expect(
            try await host.run("backends", "create", "bad", "--plugin", "counter").status == 0)
        #expect(
            try await host.run("backends", "delete", "bda").errors.contains("did you mean bad?"))

        let early = try await host.run(
            "backends", "create", "early", "--plugin", "later", "--allow-missing")
        #expect(early.status == 0, "\(early.errors)")
        // And is served when the plugin comes.
        try host.place(Repository.product("libecho.so"), as: "liblater.so")
        try await Eventually.true {
            try await host.run("backends", "list", "--json").output
                .contains(
                    #""replicas":1,"running":0,"target_replicas":1,"waiting":0},"tag":"early""#)
        }
    }

    @Test("an update that the plugin refuses changes nothing; replicas are there when it returns")
    func updateWaits() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        #expect(try await host.run("backends", "create", "b", "--plugin", "counter").status == 0)
        let before = try await host.run("export").output
        let refused = try await host.run(
            "backends", "update", "b", "--config", #"{"user_config": {"start": "x"}}"#)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("backend b"), "\(refused.errors)")
        #expect(try await host.run("export").output == before)
        #expect(try await host.status(of: "counter")?.reason == nil)
        let mended = try await host.run(
            "backends", "update", "b", "--config", #"{"user_config": {"start": 3}}"#)
        #expect(mended.status == 0, "\(mended.errors)")
        let grown = try await host.run(
            "backends", "update", "b", "--json", "--config", #"{"num_replicas": 2}"#)
        #expect(grown.output.contains(#""replicas":2"#), "\(grown.output)")
    }

    @Test(
        "what was taken from another file than the host's own is there after a restart, and in the log"
    )
    func otherFile() async throws {
        let directory = try TemporaryDirectory()
        let (own, other) = (directory.file("own.yaml"), directory.file("other.yaml"))
        try "endpoints: {e: {route: /own, traffic: {echo: 1}}}\nbackends: {echo: {plugin: echo}}\n"
            .write(toFile: own, atomically: true, encoding: .utf8)
        try
            "endpoints: {e: {route: /other, traffic: {echo: 1}}}\nbackends: {echo: {plugin: echo}}\n"
            .write(toFile: other, atomically: true, encoding: .utf8)
        let arguments = ["--config", own, "--state-file", directory.file("state")]
        let first = try await HostProcess(plugins: Self.examples, arguments: arguments)
        #expect(try await first.run("apply", "-f", other).status == 0)
        #expect(first.log.contains("the configuration has changed"))
        #expect(first.log.contains("endpoint e: route /own -> /other"))
        let exported = try await Self.export(first)
        first.signal(SIGKILL)
        _ = try await first.waitForExit()
        let second = try await HostProcess(plugins: Self.examples, arguments: arguments)
        #expect(try await Self.export(second) == exported)
        second.signal(SIGKILL)
        _ = try await second.waitForExit()

        try "endpoints: {e: {route: /new, traffic: {echo: 1}}}\nbackends: {echo: {plugin: echo}}\n"
            .write(toFile: own, atomically: true, encoding: .utf8)
        let third = try await HostProcess(plugins: Self.examples, arguments: arguments)
        #expect(try await third.http.send("POST", "/new", body: "x").text == "x")
    }

    /// Without what two hosts in two directories can't have in common.
    private static func export(_ host: HostProcess) async throws -> String {
        try await host.run("export").output.split(separator: "\n")
            .filter { !$0.hasPrefix("plugins_dir:") }.joined(separator: "\n")
    }

    @Test("a backend that its plugin refuses at the start is tried again, and gets no calls before")
    func refusedAtFirst() async throws {
        let directory = try TemporaryDirectory()
        let obstacle = directory.file("obstacle")
        let library = try Fixture.library("starts_as_told")
        try Data().write(to: URL(fileURLWithPath: obstacle))
        let path = directory.file("backplane.yaml")
        try """
        backends:
          first: {plugin: p, user_config: fine}
          second: {plugin: p, user_config: "not \(obstacle)"}
        endpoints:
          p: {route: /p, traffic: {first: 1}}
        """.write(toFile: path, atomically: true, encoding: .utf8)
        let host = try await HostProcess(
            plugins: ["libp.so": library], arguments: ["--config", path])
        #expect(try await host.http.call("p").text == "first fine")
        let refused = try await host.run("traffic", "set", "p", "second=1")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("endpoint p: backend second"), "\(refused.errors)")
        #expect(refused.errors.contains("not yet"))
        #expect(try await host.http.call("p").text == "first fine")

        try FileManager.default.removeItem(atPath: obstacle)
        // The pause before it is tried again grows to 30 s while this machine is busy with other tests.
        try await Eventually.true(within: .seconds(60)) {
            try await host.status(of: "p")?.reason == nil
        }
        #expect(try await host.run("traffic", "set", "p", "second=1").status == 0)
        #expect(try await host.http.call("p").text.hasPrefix("second"))
    }

    @Test("a tag may be any text of one line, in a file, in a command and in the state")
    func anyTag() async throws {
        let directory = try TemporaryDirectory()
        let state = ["--state-file", directory.file("state")]
        let first = try await HostProcess(plugins: Self.examples, arguments: state)
        let path = directory.file("backplane.yaml")
        let tags = ["a b", "über/1", "%2F", "= ?#&", "😀"]
        let backends = tags.map { "  \"\($0)\": {plugin: echo}\n" }.joined()
        try "backends:\n\(backends)endpoints:\n  e: {route: /e, traffic: {\"über/1\": 1}}\n".write(
            toFile: path, atomically: true, encoding: .utf8)
        let applied = try await first.run("apply", "-f", path)
        #expect(applied.status == 0, "\(applied.errors)")
        for tag in tags {
            let updated = try await first.run(
                "backends", "update", tag, "--config", #"{"max_batch_size": 2}"#)
            #expect(updated.status == 0, "\(tag): \(updated.errors)")
            #expect(try await first.run("traffic", "set", "e", "\(tag)=1").status == 0)
            #expect(try await first.http.send("POST", "/e", body: tag).text == tag)
        }
        #expect(try await first.run("backends", "delete", "über/1").status == 0)
        let exported = try await Self.export(first)
        first.signal(SIGKILL)
        _ = try await first.waitForExit()
        let second = try await HostProcess(plugins: Self.examples, arguments: state)
        #expect(try await Self.export(second) == exported)
        #expect(!exported.contains("über/1") && exported.contains("a b"))
    }

    @Test("a tag that is taken, an unknown endpoint and weights that don't sum are refused")
    func refusals() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        for (arguments, text) in [
            (
                ["backends", "create", "echo", "--plugin", "echo"],
                "there is a backend echo already"
            ),
            (["traffic", "set", "nope", "echo=1"], "no endpoint nope"),
            (["traffic", "set", "echo", "echo=0.5"], "sum"),
            (["traffic", "shadow", "echo", "nope=0.5"], "no backend nope"),
            (["endpoints", "create", "e", "--backend", "echo", "--route", "/counter"], "/counter"),
            (["backends", "update", "nope", "--config", "{}"], "no backend nope"),
            (["backends", "delete", "countr"], "no backend countr; did you mean counter?"),
            (["list", "countr"], "no plugin countr; did you mean counter?"),
            (["endpoints", "create", "e", "--backend", "ecko"], "did you mean echo?"),
        ] {
            let result = try await Program.run(
                HostProcess.executable,
                arguments + ["--admin-socket", host.adminSocket])
            #expect(result.status == 1, "\(arguments)")
            #expect(result.errors.contains(text), "\(arguments): \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test(
        "a manifest's route and methods are the default endpoint's, at the start and when they change"
    )
    func manifestEndpoint() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let manifest = host.directory.file("plugins.d/late.yaml")
        try "endpoint: {route: /early/*, methods: [POST]}".write(
            toFile: manifest, atomically: true, encoding: .utf8)
        try host.place(Repository.product("libecho.so"), as: "liblate.so")
        try await Eventually.true {
            try await host.http.send("POST", "/early/bird", body: "x").text == "x"
        }
        #expect(try await host.http.send("GET", "/early/bird").status == 405)
        #expect(try await host.http.send("POST", "/late").status == 404)

        let generation = try await host.generation(of: "late")
        try "endpoint: {route: /now}".write(toFile: manifest, atomically: true, encoding: .utf8)
        try await Eventually.true { try await host.http.send("GET", "/now").status == 200 }
        #expect(try await host.http.send("POST", "/early/bird").status == 404)
        try FileManager.default.removeItem(atPath: manifest)
        try await Eventually.true { try await host.http.send("GET", "/late").status == 200 }
        #expect(try await host.generation(of: "late") == generation)

        // What an operator has taken over is the operator's.
        #expect(try await host.run("traffic", "set", "late", "late=1").status == 0)
        try "endpoint: {route: /again}\nmax_queued_requests: 7".write(
            toFile: manifest, atomically: true, encoding: .utf8)
        try await Eventually.true { host.logCount(of: "new settings", "plugin=late") > 0 }
        #expect(try await host.http.send("GET", "/again").status == 404)
    }

    @Test(
        "settings that can't be are told with the key at fault before anything is asked of the host",
        arguments: [
            (#"{"num_replica": 2}"#, "there is no key num_replica; did you mean num_replicas?"),
            (#"{"num_replicas": 0}"#, "num_replicas is 0: it must be"),
            ("{", #"'{' is no JSON object, such as {"num_replicas": 2}"#),
        ])
    func settings(json: String, reason: String) async throws {
        let result = try await Program.run(
            HostProcess.executable,
            ["backends", "create", "x", "--plugin", "echo", "--config", json])
        #expect(result.status == 64)
        #expect(result.errors.contains(reason), "\(result.errors)")
    }

    // MARK: The file

    @Test(
        "apply brings the host in line with a file, a second time nothing differs, diff changes nothing"
    )
    func apply() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let path = host.directory.file("backplane.yaml")
        try Self.file.write(toFile: path, atomically: true, encoding: .utf8)

        let diff = try await host.run("diff", "-f", path)
        #expect(diff.status == 0 && diff.output.contains("counter:v1"), "\(diff.errors)")
        #expect(try await host.http.send("GET", "/echo/deep/below").status == 404)

        let applied = try await host.run("apply", "-f", path)
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(applied.output == diff.output)
        #expect(try await host.http.send("POST", "/echo/deep/below", body: "x").text == "x")
        var counts: Set<Int> = []
        for _ in 0..<200 {
            counts.insert(try count(try await host.http.call("counter").text))
        }
        #expect(counts == [1, 100], "both backends answer")

        #expect(try await host.run("apply", "-f", path).output == "nothing differs\n")
        #expect(try await host.run("diff", "-f", path).output == "nothing differs\n")
        // What was exported declares what runs.
        let exported = try await host.run("export").output
        let copy = host.directory.file("exported.yaml")
        try exported.write(toFile: copy, atomically: true, encoding: .utf8)
        #expect(try await host.run("apply", "-f", copy).status == 0)
        #expect(try await host.run("export").output == exported)
    }

    @Test("a mistake in the file is told with its place and the nearest key, and nothing changes")
    func mistake() async throws {
        let host = try await HostProcess(plugins: Self.examples)
        let path = host.directory.file("backplane.yaml")
        try Self.file.replacing("methods:", with: "metods:")
            .write(toFile: path, atomically: true, encoding: .utf8)
        let before = try await host.run("export").output
        let result = try await host.run("apply", "-f", path)
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: \(path):8:5: endpoints.counter has no key metods; did you mean methods?\n"
        )
        #expect(try await host.run("export").output == before)
    }

    @Test("serve takes a file, and SIGHUP applies it anew")
    func serveFromFile() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
        let host = try await HostProcess(plugins: Self.examples, arguments: ["--config", path])
        #expect(try await host.http.send("POST", "/echo/below", body: "x").text == "x")
        let status = try await host.run("status").output
        #expect(status.contains("counter:v1") && status.contains(" file "))
        #expect(!status.contains("counter     counter  plugin"), "the file names the plugin")

        try Self.file.replacing("/echo/*", with: "/other").write(
            toFile: path, atomically: true, encoding: .utf8)
        host.signal(SIGHUP)
        try await Eventually.true { try await host.http.send("POST", "/other").status == 200 }
        #expect(try await host.http.send("POST", "/echo/below").status == 404)

        try "nonsense: 1".write(toFile: path, atomically: true, encoding: .utf8)
        host.signal(SIGHUP)
        try await Eventually.true { host.log.contains("nothing has changed") }
        #expect(try await host.http.send("POST", "/other").status == 200)
    }

    @Test("500 backends and 500 endpoints are applied and served; a second time nothing differs")
    func large() async throws {
        let host = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        let backends = (0..<500).map { "  b\($0): {plugin: echo}\n" }.joined()
        let endpoints = (0..<500).map { "  e\($0): {route: /e\($0), traffic: {b\($0): 1}}\n" }
        let path = host.directory.file("backplane.yaml")
        try "backends:\n\(backends)endpoints:\n\(endpoints.joined())".write(
            toFile: path, atomically: true, encoding: .utf8)
        let applied = try await host.run("apply", "-f", path)
        #expect(applied.status == 0, "\(applied.errors)")
        // The default backend and endpoint of echo go: the file has backends of it.
        #expect(applied.output.split(separator: "\n").count == 1_002)
        for name in ["e0", "e250", "e499"] {
            #expect(try await host.http.call(name, nil, name).text == name)
        }
        #expect(try await host.run("apply", "-f", path).output == "nothing differs\n")
    }

    @Test(
        "schema prints what editors need, of the file and of a manifest",
        arguments: [[], ["--manifest"]])
    func schema(flags: [String]) async throws {
        let printed = try await Program.run(HostProcess.executable, ["schema"] + flags)
        let json = try JSONSerialization.jsonObject(with: Data(printed.output.utf8))
        let schema = try #require(json as? [String: Any])
        #expect(schema["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
        let properties = try #require(schema["properties"] as? [String: Any])
        #expect(properties[flags.isEmpty ? "endpoints" : "num_replicas"] != nil)
    }

    // MARK: Nothing forgotten

    @Test(
        "after kill -9 the host serves what was acknowledged last; a start with the same file undoes nothing"
    )
    func kill() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
        let state = directory.file("state")
        let arguments = ["--config", path, "--state-file", state]
        let first = try await HostProcess(plugins: Self.examples, arguments: arguments)
        #expect(
            try await first.run("traffic", "set", "counter", "counter:v2=1").status == 0)
        #expect(
            try await first.run(
                "endpoints", "create", "mine", "--backend", "echo", "--route", "/mine"
            ).status == 0)
        #expect(try await first.run("endpoints", "delete", "echo").status == 0)
        let exported = try await Self.export(first)
        first.signal(SIGKILL)
        _ = try await first.waitForExit()

        let second = try await HostProcess(plugins: Self.examples, arguments: arguments)
        #expect(try await Self.export(second) == exported)
        #expect(try await second.http.send("POST", "/mine", body: "x").text == "x")
        #expect(try await second.http.send("POST", "/echo/below").status == 404)
        #expect(try await second.http.call("counter").text == #"{"current":1}"#)
    }

    @Test("a corrupt state file is a clear error, and is left as it is")
    func corrupt() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        let state = directory.file("plugins.d.state")
        try "not a database, and rather longer than the header of one would have to be".write(
            toFile: state, atomically: true, encoding: .utf8)
        let before = try Data(contentsOf: URL(fileURLWithPath: state))
        let ended = try await Program.run(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", plugins, "--admin-socket",
                directory.file("admin.sock"),
            ])
        #expect(ended.status == 1)
        #expect(ended.errors.contains("cannot use the state file \(state)"), "\(ended.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: state)) == before)
    }
}
