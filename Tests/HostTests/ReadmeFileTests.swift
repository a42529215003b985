import Foundation
import TestSupport
import Testing

/// The configuration file in the README, as it stands there.
@Suite("The README's configuration file") struct ReadmeFileTests {
    private static let yaml = """
        listen: 127.0.0.1:8000
        plugins_dir: plugins.d
        backends:
          counter:v1: {plugin: counter, num_replicas: 1, user_config: {start: 100}}
          counter:v2: {plugin: counter, max_queued_requests: 100}
          echo: {plugin: echo, max_batch_size: 16, batch_wait_timeout: 2ms}
        endpoints:
          counter:
            route: /counter
            methods: [GET, POST]
            traffic: {"counter:v1": 0.9, "counter:v2": 0.1}
            shadow: {"counter:v2": 0.05}
          echo: {route: /echo/*, traffic: {echo: 1}}

        """

    @Test("is served as it stands, but for the port, and answers curl")
    func served() async throws {
        let readme = try String(contentsOfFile: Repository.path("README.md"), encoding: .utf8)
        #expect(readme.contains("```yaml\n\(Self.yaml)```"))

        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        for name in ["libecho.so", "libcounter.so"] {
            try Fixture.place(Repository.product(name), as: name, in: plugins)
        }
        try Self.yaml.write(
            toFile: directory.file("backplane.yaml"), atomically: true, encoding: .utf8)
        // Port 8000 may be another program's; all else is the file's.
        let host = try Program(
            HostProcess.executable,
            [
                "serve", "--config", "backplane.yaml", "--port", "0", "--ready-file", "ready",
                "--admin-socket", "admin.sock",
            ], environment: ["TMPDIR": directory.path], in: directory.path)
        try await Eventually.true {
            guard host.isRunning else { throw Tool.Failure(description: host.errors) }
            return FileManager.default.fileExists(atPath: directory.file("ready"))
        }
        let line = try #require(host.output.split(separator: "\n").first)
        #expect(line.hasSuffix(" on http://127.0.0.1:\(line.split(separator: ":").last ?? "")"))
        let url = try #require(line.split(separator: " ").last)

        var counts: Set<String> = []
        for _ in 0..<100 { counts.insert(try await curl("\(url)/counter")) }
        #expect(counts.isSuperset(of: [#"{"current":100}"#, #"{"current":1}"#]))
        #expect(counts.count == 2, "nothing has counted: \(counts)")
        #expect(try await curl("-d", "hi there", "\(url)/echo/and/below") == "hi there")
        #expect(try await curl("-d", "hi there", "\(url)/echo") == "hi there")
        #expect(
            try await curl("-w", "%{http_code}", "-o", "-", "-X", "PUT", "\(url)/counter")
                .hasSuffix("405"))
        // Echo's calls share batches; each caller gets its own response.
        try await withThrowingTaskGroup { group in
            for number in 0..<32 {
                group.addTask { try await curl("-d", "\(number)", "\(url)/echo/x") == "\(number)" }
            }
            for try await isOwn in group { #expect(isOwn) }
        }
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
    }

    private func curl(_ arguments: String...) async throws -> String {
        let result = try await Program.run("curl", ["-sS"] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        return result.output
    }

    @Test("the program prints completions for a shell", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) async throws {
        let script = try await Program.run(
            HostProcess.executable, ["--generate-completion-script", shell])
        #expect(script.status == 0)
        for word in ["endpoints", "admin-url", "max-body-size"] {
            #expect(script.output.contains(word))
        }
    }

    @Test(
        "--json prints JSON, wherever something is shown or changed",
        arguments: [
            ["list"], ["status"], ["routes"], ["plugins", "list"], ["backends", "list"],
            ["endpoints", "list"], ["reload", "echo"], ["restart", "echo"],
            ["backends", "create", "b", "--plugin", "echo"],
            ["backends", "update", "echo", "--config", "{}"],
            ["endpoints", "create", "e", "--backend", "echo"],
            ["traffic", "set", "echo", "echo=1"],
            ["traffic", "shadow", "echo", "echo=0.5"], ["apply", "-f", "-"], ["diff", "-f", "-"],
            ["list", "echo"], ["rollback", "--list"], ["rollback", "--list", "--plugin", "echo"],
        ])
    func json(command: [String]) async throws {
        let host = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        let result = try await Program.run(
            HostProcess.executable, command + ["--json", "--admin-socket", host.adminSocket])
        #expect(result.status == 0, "\(result.errors)")
        _ = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        // No colours, here or elsewhere: what a terminal gets in addition is a line that tells of progress.
        #expect(!result.output.contains("\u{1B}") && !result.errors.contains("\u{1B}"))
    }
}
