import Foundation
import TestSupport
import Testing

/// Where a host and its commands meet, and that they do so alone.
@Suite("The admin socket", .serialized)
struct AdminSocketTests {
    /// A host that is given no socket, started in a directory with a `plugins.d`.
    private final class UnnamedHost {
        let directory: TemporaryDirectory
        let program: Program
        let environment: [String: String?]

        init(
            runtimeDirectory: String?, in directory: TemporaryDirectory, arguments: [String] = []
        ) async throws {
            self.directory = directory
            environment = ["XDG_RUNTIME_DIR": runtimeDirectory, "TMPDIR": directory.path]
            let plugins = try directory.makeDirectory("plugins.d")
            try Fixture.place(Repository.product("libecho.so"), as: "libecho.so", in: plugins)
            let ready = directory.file("ready.json")
            program = try Program(
                HostProcess.executable,
                ["serve", "--port", "0", "--ready-file", ready] + arguments,
                environment: environment, in: directory.path)
            try await Eventually.true { [program] in
                guard program.isRunning else {
                    throw Tool.Failure(description: "the host ended: \(program.errors)")
                }
                return FileManager.default.fileExists(atPath: ready)
            }
        }

        func run(_ arguments: String...) async throws -> Tool.Result {
            try await Program.run(
                HostProcess.executable, arguments, environment: environment, in: directory.path)
        }
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    // MARK: Where it is

    @Test("Without an option the socket is in XDG_RUNTIME_DIR, for the host and its commands")
    func runtimeDirectory() async throws {
        let directory = try TemporaryDirectory()
        let runtime = try directory.makeDirectory("run")
        let host = try await UnnamedHost(runtimeDirectory: runtime, in: directory)
        #expect(exists("\(runtime)/backplane.sock"))
        #expect(!exists(directory.file("plugins.d.sock")))
        let list = try await host.run("list")
        #expect(list.status == 0)
        #expect(list.output.contains("libecho.so"))
    }

    @Test(
        "Without XDG_RUNTIME_DIR, or with one that is no absolute path, it is beside the plugins",
        arguments: [nil, "", "run"] as [String?])
    func besideThePlugins(runtime: String?) async throws {
        let directory = try TemporaryDirectory()
        let host = try await UnnamedHost(runtimeDirectory: runtime, in: directory)
        #expect(exists(directory.file("plugins.d.sock")))
        let list = try await host.run("list")
        #expect(list.status == 0)
        #expect(list.output.contains("libecho.so"))
        let inOtherWords = try await host.run(
            "list", "--plugins-dir", "\(directory.path)/plugins.d/")
        #expect(inOtherWords.status == 0)
    }

    @Test("A socket in a directory that isn't there is refused with its path")
    func missingDirectory() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        let socket = directory.file("missing/admin.sock")
        let start = ContinuousClock.now
        let result = try await Program.run(
            HostProcess.executable,
            ["serve", "--port", "0", "--plugins-dir", plugins, "--admin-socket", socket])
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("Error: cannot listen on the admin socket \(socket): "))
        #expect(result.errors.contains("No such file or directory"))
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(ContinuousClock.now - start < .seconds(25))
    }

    @Test("A socket whose path is too long is refused before anything is served")
    func pathTooLong() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        let socket = directory.file(String(repeating: "x", count: 120))
        let result = try await Program.run(
            HostProcess.executable,
            ["serve", "--port", "0", "--plugins-dir", plugins, "--admin-socket", socket])
        #expect(result.status == 1)
        #expect(
            result.errors == """
                Error: the admin socket's path is too long for a Unix socket: \(socket); choose a \
                shorter one with --admin-socket

                """)
    }

    // MARK: Whose it is

    @Test("The socket is its owner's alone")
    func permissions() async throws {
        let host = try await HostProcess()
        let attributes = try FileManager.default.attributesOfItem(atPath: host.adminSocket)
        #expect(attributes[.type] as? FileAttributeType == .typeSocket)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.ownerAccountID] as? Int == Int(getuid()))
    }

    @Test("The mask that keeps the socket private does not stay: other files are as before")
    func maskIsRestored() async throws {
        let host = try await HostProcess()
        let status = try String(contentsOfFile: "/proc/\(host.pid)/status", encoding: .utf8)
        let own = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func mask(_ status: String) -> Substring? {
            status.split(separator: "\n").first { $0.hasPrefix("Umask:") }
        }
        #expect(mask(status) == mask(own))
        #expect(mask(own) != nil)
    }

    @Test("A second host on the same socket is refused at once, and the first one serves on")
    func secondHost() async throws {
        let host = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        let start = ContinuousClock.now
        let second = try await Program.run(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", host.pluginsDirectory, "--admin-socket",
                host.adminSocket,
            ])
        #expect(second.status == 1)
        #expect(second.output == "")
        #expect(
            second.errors == """
                Error: a host is running already with the admin socket \(host.adminSocket); stop \
                it, or give this one another socket with --admin-socket

                """)
        #expect(ContinuousClock.now - start < .seconds(25))
        #expect(try await host.http.call("echo", nil, "first").text == "first")
        #expect(try await host.run("list").status == 0)
    }

    @Test("A host that is too busy to accept keeps its socket")
    func fullBacklog() async throws {
        let host = try await HostProcess()
        host.signal(SIGSTOP)
        defer { host.signal(SIGCONT) }
        var clients: [Int32] = []
        defer { for client in clients { close(client) } }
        // Until the kernel lets no more wait.
        while let client = connect(to: host.adminSocket) { clients.append(client) }
        #expect(clients.count > 1)
        let second = try await Program.run(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", host.pluginsDirectory, "--admin-socket",
                host.adminSocket,
            ])
        #expect(second.status == 1)
        #expect(second.errors.contains("a host is running already with the admin socket"))
        #expect(exists(host.adminSocket))
    }

    /// - Returns: nil when the connection would have to wait.
    private func connect(to path: String) -> Int32? {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let client = socket(AF_UNIX, type, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(client, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status != 0 else { return client }
        close(client)
        return nil
    }

    @Test("A host takes away its own socket only, not the one that another host has put there")
    func othersSocket() async throws {
        let first = try await HostProcess(plugins: ["libecho.so": Repository.product("libecho.so")])
        try FileManager.default.removeItem(atPath: first.adminSocket)
        let directory = try TemporaryDirectory()
        let ready = directory.file("ready")
        let second = try Program(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", try directory.makeDirectory("plugins.d"),
                "--admin-socket", first.adminSocket, "--ready-file", ready,
            ], environment: ["TMPDIR": directory.path])
        try await Eventually.true { exists(ready) }
        first.signal(SIGTERM)
        #expect(try await first.waitForExit() == 0)
        #expect(try await first.run("list").status == 0)
        second.signal(SIGTERM)
        #expect(try await second.waitForExit() == 0)
        #expect(!exists(first.adminSocket))
    }

    @Test("Of hosts that start at once where a killed one has left its socket, one gets it")
    func race() async throws {
        let killed = try await HostProcess()
        killed.signal(SIGKILL)
        _ = try await killed.waitForExit()
        let directory = try TemporaryDirectory()
        let hosts = try (0..<4).map { number in
            try Program(
                HostProcess.executable,
                [
                    "serve", "--port", "0", "--plugins-dir",
                    try directory.makeDirectory("plugins\(number)"), "--admin-socket",
                    killed.adminSocket,
                ], environment: ["TMPDIR": directory.path])
        }
        try await Eventually.true { hosts.filter(\.isRunning).count <= 1 }
        let running = hosts.first { $0.isRunning }
        let left = try #require(running)
        #expect(try await killed.run("list").status == 0)
        left.signal(SIGTERM)
        #expect(try await left.waitForExit() == 0)
    }

    @Test("A socket that a killed host left behind is used again")
    func staleSocket() async throws {
        let directory = try TemporaryDirectory()
        let first = try await UnnamedHost(runtimeDirectory: nil, in: directory)
        first.program.signal(SIGKILL)
        _ = try await first.program.waitForExit()
        #expect(exists(directory.file("plugins.d.sock")))
        try FileManager.default.removeItem(atPath: directory.file("ready.json"))

        let second = try await UnnamedHost(runtimeDirectory: nil, in: directory)
        #expect(try await second.run("list").status == 0)
    }

    @Test("A file that is no socket is refused and left alone")
    func otherFile() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        let path = directory.file("precious")
        try Data("do not remove".utf8).write(to: URL(fileURLWithPath: path))
        let result = try await Program.run(
            HostProcess.executable,
            ["serve", "--port", "0", "--plugins-dir", plugins, "--admin-socket", path])
        #expect(result.status == 1)
        #expect(
            result.errors == """
                Error: \(path) is there and is no socket; choose another path with --admin-socket

                """)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "do not remove")
    }
}
