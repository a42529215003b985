import Foundation
import HostDeployment
import TestSupport
import Testing

/// How a host starts, and how it says that it can't.
@Suite("backplane serve", .serialized)
struct ServeTests {
    /// Runs `backplane serve`, which is expected to end by itself.
    private func serve(_ arguments: [String]) async throws -> Tool.Result {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        let ended = try await Program.run(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", plugins, "--admin-socket",
                directory.file("admin.sock"),
            ] + arguments, environment: ["TMPDIR": directory.path])
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(
            left.filter { !$0.hasPrefix("plugins.d.state") } == ["plugins.d"],
            "a host that could not start left more behind than its state")
        return ended
    }

    // MARK: The ready file

    @Test("The ready file says where the host is, and requests are answered from then on")
    func readyFile() async throws {
        let host = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        #expect(try await host.http.call("echo", nil, "hi").text == "hi")
        #expect(
            try String(contentsOfFile: host.directory.file("ready.json"), encoding: .utf8) == """
                {"admin_socket":"\(host.adminSocket)",\
                "http":{"host":"127.0.0.1","port":\(host.port)},"pid":\(host.pid)}
                """)
    }

    @Test("A ready file that an earlier host left behind is gone before the next one listens")
    func staleReadyFile() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        // As long as this one loads, the host doesn't listen.
        try Fixture.place(
            try Fixture.library("hangs_in_create"), as: "hangs.so", in: plugins)
        let ready = directory.file("ready.json")
        try Data(#"{"http":{"host":"127.0.0.1","port":1}}"#.utf8).write(
            to: URL(fileURLWithPath: ready))
        let program = try Program(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", plugins, "--ready-file", ready,
                "--admin-socket", directory.file("admin.sock"),
            ], environment: ["TMPDIR": directory.path])
        try await Eventually.true { !FileManager.default.fileExists(atPath: ready) }
        #expect(program.isRunning)
        #expect(program.output == "")
        try await Eventually.true { FileManager.default.fileExists(atPath: ready) }
        #expect(
            try String(contentsOfFile: ready, encoding: .utf8).contains("\"pid\":\(program.pid)}"))
    }

    @Test("A ready file that can't be written ends the host, whose starter waits for it")
    func unwritableReadyFile() async throws {
        let ended = try await serve(["--ready-file", "/nonexistent/ready.json"])
        #expect(ended.status == 1)
        #expect(
            ended.errors.contains("Error: cannot write the ready file /nonexistent/ready.json: "))
    }

    // MARK: What can't be

    @Test("A port in use is one sentence, and names the port and the way out")
    func portInUse() async throws {
        let host = try await HostProcess()
        let ended = try await serve(["--port", "\(host.port)"])
        #expect(ended.status == 1)
        #expect(ended.output == "")
        let lines = ended.errors.split(separator: "\n")
        #expect(lines.count == 1)
        let last = try #require(lines.last)
        #expect(last.hasPrefix("Error: cannot listen on 127.0.0.1:\(host.port): "))
        #expect(last.contains("Address already in use"))
        #expect(last.contains("--port"))
        #expect(try await host.http.send("GET", "/-/healthz").status == 200)
    }

    @Test("An address that isn't this machine's is one sentence")
    func foreignAddress() async throws {
        let ended = try await serve(["--host", "192.0.2.1"])
        #expect(ended.status == 1)
        #expect(ended.errors.hasPrefix("Error: cannot listen on 192.0.2.1:0: "))
        #expect(ended.errors.split(separator: "\n").count == 1)
    }

    @Test("A plugins directory that isn't there is one sentence")
    func missingPluginsDirectory() async throws {
        let ended = try await serve(["--plugins-dir", "/nonexistent/plugins.d"])
        #expect(ended.status == 1)
        #expect(ended.output == "")
        #expect(
            ended.errors == """
                Error: no directory /nonexistent/plugins.d; make it, or name another one with \
                --plugins-dir

                """)
    }

    @Test("A file in place of the plugins directory is refused like a missing one")
    func fileAsPluginsDirectory() async throws {
        let ended = try await serve(["--plugins-dir", Repository.product("libecho.so")])
        #expect(ended.status == 1)
        #expect(ended.errors.hasPrefix("Error: no directory \(Repository.product("libecho.so"));"))
    }

    @Test("A TMPDIR that can't be used is passed over")
    func unusableTemporaryDirectory() async throws {
        let host = try await HostProcess(
            plugins: ["libecho.so": Repository.product("libecho.so")],
            environment: ["TMPDIR": "/nonexistent"])
        #expect(try await host.http.call("echo", nil, "hi").text == "hi")
    }

    @Test(
        "An option that makes no sense is refused by name",
        arguments: [
            (["--port=-1"], "--port is -1; it must be at least 0"),
            (["--port", "65536"], "--port is 65536; ports end at 65535"),
            (["--port", "http"], "'http' is invalid for '--port"),
            (["--io-threads", "0"], "--io-threads is 0; it must be at least 1"),
            (["--max-queued-requests", "0"], "--max-queued-requests is 0; it must be at least 1"),
            (["--max-body-size=-1"], "--max-body-size is -1; it must be at least 0"),
            (["--max-connections", "0"], "--max-connections is 0; it must be at least 1"),
            (
                ["--max-retired-generations", "0"],
                "--max-retired-generations is 0; it must be at least 1"
            ),
            (["--request-timeout", "5"], "'5' is invalid for '--request-timeout"),
            (["--drain-timeout", "-1s"], "--drain-timeout"),
            (["--drain-timeout", "soon"], "'soon' is invalid for '--drain-timeout"),
            (["--log-level", "loud"], "'loud' is no log level"),
            (["--lifecycle-timeout"], "Missing value for '--lifecycle-timeout"),
            (["--wach"], "Unknown option '--wach'"),
            (["plugins.d"], "Unexpected argument 'plugins.d'"),
        ])
    func badOption(arguments: [String], message: String) async throws {
        let ended = try await serve(arguments)
        #expect(ended.status == 64)
        #expect(ended.output == "")
        #expect(ended.errors.contains(message))
        #expect(ended.errors.contains("backplane serve --help"))
    }

    // MARK: Without a watch

    @Test("With --no-watch nothing is noticed until reload, which takes files as they are then")
    func noWatch() async throws {
        let watching = try await HostProcess()
        let host = try await HostProcess(
            plugins: ["generation.so": try Fixture.library("generation")],
            arguments: ["--no-watch"])
        #expect(try inotifyCount(of: watching.pid) == 1)
        #expect(try inotifyCount(of: host.pid) == 0)

        try host.place(
            try Fixture.library("generation", defines: ["VERSION=\"2\""]), as: "generation.so")
        try host.place(Repository.product("libecho.so"), as: "libecho.so")
        #expect(try await host.list().map(\.name) == ["generation"])
        #expect(try await host.http.call("generation").text == "1")

        #expect(try await host.run("reload", "generation").status == 0)
        #expect(try await host.http.call("generation").text == "2")
        #expect(try await host.http.call("echo").status == 404)
        #expect(try await host.run("reload", "echo").status == 0)
        #expect(try await host.http.call("echo", nil, "hi").text == "hi")
    }

    @Test("With --no-watch a reload of a removed file fails, and the old generation serves on")
    func noWatchRemoved() async throws {
        let host = try await HostProcess(
            plugins: ["libecho.so": Repository.product("libecho.so")], arguments: ["--no-watch"])
        try host.remove("libecho.so")
        let result = try await host.run("reload", "echo")
        #expect(result.status == 1)
        #expect(
            result.errors == """
                Error: echo was not reloaded: cannot read \(host.path(of: "libecho.so")): No such \
                file or directory; the generation that served before serves on

                """)
        #expect(try await host.http.call("echo", nil, "hi").text == "hi")
    }

    private func inotifyCount(of pid: Int32) throws -> Int {
        let directory = "/proc/\(pid)/fd"
        return try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { entry in
                let target = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "\(directory)/\(entry)")
                return target?.hasSuffix("inotify") == true
            }.count
    }

    // MARK: The log

    @Test("The log level decides what the log has")
    func logLevel() async throws {
        let plugins = ["libecho.so": Repository.product("libecho.so")]
        let talkative = try await HostProcess(plugins: plugins)
        let quiet = try await HostProcess(plugins: plugins, arguments: ["--log-level", "warning"])
        #expect(talkative.logCount(of: " info ", "plugin=echo", "serving") == 1)
        #expect(quiet.log == "")
    }
}
