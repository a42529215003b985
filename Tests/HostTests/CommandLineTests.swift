import Foundation
import HostCore
import HostDeployment
import TestSupport
import Testing

/// The commands as an operator types them, and the first calls that the README promises.
@Suite("The command line", .serialized)
struct CommandLineTests {
    private func startHost(_ arguments: String...) async throws -> HostProcess {
        try await HostProcess(
            plugins: [
                "libecho.so": Repository.product("libecho.so"),
                "libcounter.so": Repository.product("libcounter.so"),
            ], arguments: arguments)
    }

    // MARK: First calls

    @Test("The first calls with curl answer what the README says")
    func curl() async throws {
        let host = try await startHost()
        let url = "http://127.0.0.1:\(host.port)"
        for (arguments, answer) in [
            (["-d", "hi there", "\(url)/echo"], "hi there"),
            (["\(url)/counter"], #"{"current":1}"#),
            (["-H", "X-SERVE-CALL-METHOD: other_method", "-d", "5", "\(url)/counter"], "true"),
            (["\(url)/counter"], #"{"current":6}"#),
        ] {
            let result = try await Program.run("curl", ["-sS"] + arguments)
            #expect(result.output == answer, "curl \(arguments): \(result.errors)")
        }
    }

    @Test("The first calls with another client answer the same, with a type")
    func anotherClient() async throws {
        let host = try await startHost()
        let http = host.http
        let echo = try await http.send("POST", "/echo", body: "hi there")
        #expect(echo.status == 200)
        #expect(echo.text == "hi there")
        let first = try await http.send("GET", "/counter")
        #expect(first.status == 200)
        #expect(first.text == #"{"current":1}"#)
        #expect(first.headers["content-type"] == "application/json")
        #expect(try await http.call("counter", "other_method", "5").text == "true")
        #expect(try await http.call("counter").text == #"{"current":6}"#)
    }

    @Test("The call that a host suggests when it starts can be pasted into a shell")
    func suggestion() async throws {
        let host = try await startHost()
        let lines = host.output.split(separator: "\n")
        #expect(
            lines.first
                == "backplane 0.1.0 serves \(host.pluginsDirectory) on http://127.0.0.1:\(host.port)"
        )
        let suggestion = try #require(lines.last)
        #expect(suggestion.hasPrefix("try: curl "))
        let result = try await Program.run("sh", ["-c", String(suggestion.dropFirst(5))])
        #expect(result.output == "hi there")
    }

    @Test("A host without plugins says how to get one")
    func suggestionWithoutPlugins() async throws {
        let host = try await HostProcess()
        #expect(
            host.output.contains(
                "no plugins yet: drop a lib<name>.so into \(host.pluginsDirectory) and call "
                    + "http://127.0.0.1:\(host.port)/<name>\n"))
        #expect(
            try await host.run("list").output
                == "no plugins; drop a lib<name>.so into the plugins directory\n")
        #expect(try await host.run("list", "--json").output == "[]\n")
    }

    // MARK: list

    @Test("list prints a table with a line for each plugin")
    func table() async throws {
        let host = try await startHost()
        let counter = try #require(try await host.generation(of: "counter"))
        let echo = try #require(try await host.generation(of: "echo"))
        let result = try await host.run("list")
        #expect(result.status == 0)
        #expect(
            result.output == """
                PLUGIN   VERSION  GENERATION  STATE    METHODS                              PATH
                counter  1.0.0    \(counter)           serving  __call__,other_method,reset          \
                \(host.path(of: "libcounter.so"))
                echo     1.0.0    \(echo)           serving  __call__,inline,upper,lines,headers  \
                \(host.path(of: "libecho.so"))

                """)
    }

    @Test("list prints below its table why a file isn't served, and what is still mapped")
    func remarks() async throws {
        let host = try await startHost()
        try host.place(try Fixture.library("no_entry"), as: "broken.so")
        let broken = try await host.wait(for: "broken") { $0.state == .failed }
        _ = try await host.run("reload", "echo")
        let retired = try await host.wait(for: "echo") { !$0.retiredGenerations.isEmpty }
        let lines = try await host.run("list").output.split(separator: "\n")
        let row = try #require(lines.first { $0.hasPrefix("broken ") })
        #expect(
            row.split(separator: " ") == [
                "broken", "-", "-", "failed", "-", Substring(host.path(of: "broken.so")),
            ])
        #expect(
            lines.suffix(2) == [
                "\(host.path(of: "broken.so")): \(try #require(broken.reason))",
                "echo: retired, still mapped: generation \(retired.retiredGenerations[0])",
            ])
    }

    @Test("list --json prints the documented members")
    func json() async throws {
        let host = try await startHost()
        let result = try await host.run("list", "--json")
        #expect(result.status == 0)
        let plugins = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
        #expect(plugins.map { $0["name"] as? String } == ["counter", "echo"])
        let counter = try #require(plugins.first)
        // More may come with later versions.
        #expect(
            Set(counter.keys).isSuperset(of: [
                "calls", "demoted_methods", "description", "draining_generations", "generation",
                "methods", "name", "path", "replicas", "retired_generations", "route", "state",
                "version",
            ]))
        #expect(counter["path"] as? String == host.path(of: "libcounter.so"))
        #expect(counter["state"] as? String == "serving")
        #expect(counter["version"] as? String == "1.0.0")
        #expect(counter["route"] as? String == "/counter")
        #expect(counter["methods"] as? [String] == ["__call__", "other_method", "reset"])
        #expect(counter["generation"] as? Int == (try await host.generation(of: "counter")))
        #expect(counter["replicas"] as? Int == 1)
        let calls = try #require(counter["calls"] as? [String: Int])
        #expect(calls == ["waiting": 0, "running": 0, "late_finishes": 0, "misuses": 0])
    }

    @Test("list tells how many replicas autoscaling holds, of how many, and for what load")
    func autoscaling() async throws {
        let host = try await startHost()
        try "autoscaling: {min_replicas: 2, max_replicas: 8}".write(
            toFile: host.path(of: "echo.yaml"), atomically: true, encoding: .utf8)
        try await host.wait(for: "echo") { $0.replicas == 2 }
        let table = try await host.run("list").output
        #expect(
            table.split(separator: "\n").last
                == "echo: autoscaling: 2 replicas of 2 to 8, 0.0 ongoing calls")
        let json = try await host.run("list", "--json").output
        let plugins = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        let member = try #require(plugins.last?["autoscaling"] as? [String: Double])
        #expect(
            member == [
                "min_replicas": 2, "max_replicas": 8, "target_replicas": 2, "ongoing_calls": 0,
            ])
        #expect(plugins.first?["autoscaling"] == nil)
    }

    // MARK: reload

    @Test("reload makes a new generation and the count stays")
    func reload() async throws {
        let host = try await startHost()
        _ = try await host.http.call("counter", "other_method", "41")
        let before = try #require(try await host.generation(of: "counter"))
        let result = try await host.run("reload", "counter")
        let after = try #require(try await host.generation(of: "counter"))
        #expect(result.status == 0)
        #expect(result.output == "counter: generation \(after), version 1.0.0, serving\n")
        #expect(after > before)
        #expect(try await host.http.call("counter").text == #"{"current":42}"#)
    }

    @Test("reload of a plugin that isn't there fails and names those that are")
    func reloadUnknown() async throws {
        let host = try await startHost()
        let result = try await host.run("reload", "nope")
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors
                == "Error: no plugin nope in \(host.pluginsDirectory); there are: counter, echo\n")
    }

    @Test("reload of a file that became broken fails with the reason, and the old one serves")
    func reloadBroken() async throws {
        let host = try await startHost()
        try host.place(try Fixture.library("no_entry"), as: "libecho.so")
        let status = try await host.wait(for: "echo") { $0.reason != nil }
        let result = try await host.run("reload", "echo")
        #expect(result.status == 1)
        #expect(
            result.errors == """
                Error: echo was not reloaded: \(try #require(status.reason)); the generation that \
                served before serves on

                """)
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    // MARK: call

    @Test("call prints the answer and nothing else")
    func call() async throws {
        let host = try await startHost()
        let result = try await host.run(
            "call", "counter", "--method-name", "other_method", "--data", "5")
        #expect(result.status == 0)
        #expect(result.output == "true")
        #expect(result.errors == "")
        #expect(try await host.run("call", "counter").output == #"{"current":6}"#)
        #expect(try await host.http.call("counter").text == #"{"current":6}"#)
    }

    @Test("call --data - sends what standard input has, byte for byte")
    func callFromStandardInput() async throws {
        let host = try await startHost()
        let input = "one\n\0two\n" + String(repeating: "0123456789", count: 100_000)
        let result = try await host.run("call", "echo", "--data", "-", input: input)
        #expect(result.status == 0)
        #expect(result.output == input)
    }

    @Test(
        "call that fails exits with 1 and says why",
        arguments: [
            (["nope"], "no endpoint nope; there are: counter, echo"),
            (
                ["counter", "--method-name", "nope"],
                "counter has no method nope; it has: __call__, other_method, reset"
            ),
            (
                ["counter", "--method-name", "other_method", "--data", "x"],
                #"the body is "x": send a whole number, such as 5"#
            ),
        ])
    func callThatFails(arguments: [String], message: String) async throws {
        let host = try await startHost()
        let result = try await Program.run(
            HostProcess.executable, ["call", "--admin-socket", host.adminSocket] + arguments)
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(result.errors == "Error: \(message)\n")
    }

    @Test("call with a timeout ends when the time is up")
    func callTimeout() async throws {
        let host = try await HostProcess(plugins: ["blocks.so": try Fixture.library("blocks")])
        let result = try await host.run("call", "blocks", "--timeout", "0.2")
        #expect(result.status == 1)
        #expect(result.errors == "Error: blocks did not answer before the deadline\n")
    }

    @Test(
        "call with a timeout that is none is refused, and the host lives on",
        arguments: ["nan", "-1", "0", "inf", "1e300"])
    func callTimeoutOutOfRange(timeout: String) async throws {
        let host = try await startHost()
        let result = try await host.run("call", "echo", "--timeout=\(timeout)", "--data", "hi")
        #expect(result.status != 0)
        #expect(result.errors.contains("timeout"))
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    @Test(
        "A timeout that is none is refused by the admin API too",
        arguments: ["nan", "-1", "0", "inf", "1e300", "soon"])
    func timeoutOutOfRange(timeout: String) async throws {
        let host = try await startHost()
        let result = try await Program.run(
            "curl",
            [
                "-sS", "--unix-socket", host.adminSocket, "-w", " %{http_code} %{content_type}",
                "-H", "X-Request-Timeout-Seconds: \(timeout)", "-d", "hi",
                "http://localhost/v1/endpoints/echo/call",
            ])
        #expect(result.output.hasSuffix("} 400 application/problem+json"))
        #expect(result.output.contains("X-Request-Timeout-Seconds is \(timeout): send a positive"))
        #expect(try await host.http.call("echo", nil, "still").text == "still")
    }

    @Test("call that is cut off by the end of the host says so")
    func callCutOff() async throws {
        let host = try await HostProcess(plugins: ["blocks.so": try Fixture.library("blocks")])
        let call = try Program(
            HostProcess.executable, ["call", "--admin-socket", host.adminSocket, "blocks"])
        try await host.wait(for: "blocks") { $0.calls.running == 1 }
        host.signal(SIGKILL)
        #expect(try await call.waitForExit() == 1)
        #expect(
            call.errors.hasPrefix(
                "Error: the host with the admin socket \(host.adminSocket) gave no response: "))
    }

    // MARK: No host

    @Test(
        "A command without a host exits with 1 and one sentence, at once",
        arguments: [["list"], ["list", "--json"], ["reload", "echo"], ["call", "echo"]])
    func noHost(command: [String]) async throws {
        let directory = try TemporaryDirectory()
        let socket = directory.file("admin.sock")
        let start = ContinuousClock.now
        let result = try await Program.run(
            HostProcess.executable, command + ["--admin-socket", socket])
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors == """
                Error: no host is running with the admin socket \(socket); start one with \
                `backplane serve`, or name its socket with --admin-socket

                """)
        #expect(ContinuousClock.now - start < .seconds(25))
    }

    @Test("A command whose socket a killed host left behind says that no host is running")
    func hostKilled() async throws {
        let host = try await startHost()
        host.signal(SIGKILL)
        _ = try await host.waitForExit()
        #expect(FileManager.default.fileExists(atPath: host.adminSocket))
        let result = try await host.run("list")
        #expect(result.status == 1)
        #expect(
            result.errors.hasPrefix(
                "Error: no host is running with the admin socket \(host.adminSocket);"))
    }

    @Test("A command whose socket path is too long for a socket says so")
    func socketPathTooLong() async throws {
        let socket = "/tmp/" + String(repeating: "x", count: 120)
        let result = try await Program.run(
            HostProcess.executable, ["list", "--admin-socket", socket])
        #expect(result.status == 1)
        #expect(result.errors.contains("too long"))
    }

    @Test("--version prints the version, and a command that isn't there is refused")
    func versionAndUnknownCommand() async throws {
        let version = try await Program.run(HostProcess.executable, ["--version"])
        #expect(version.status == 0)
        #expect(version.output == "0.1.0\n")
        let unknown = try await Program.run(HostProcess.executable, ["nope"])
        #expect(unknown.status == 64)
        #expect(unknown.errors.contains("nope"))
    }
}
