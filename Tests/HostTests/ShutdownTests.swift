import Foundation
import HostDeployment
import TestSupport
import Testing

/// How a host ends, and what is left of it then: nothing.
@Suite("The end of a host", .serialized)
struct ShutdownTests {
    private func startHost(_ arguments: [String] = []) async throws -> HostProcess {
        try await HostProcess(
            plugins: [
                "libecho.so": Repository.product("libecho.so"),
                "libcounter.so": Repository.product("libcounter.so"),
                "blocks.so": try Fixture.library("blocks"),
                "waits.so": try Fixture.library("counts_and_waits"),
            ], arguments: arguments)
    }

    private func librariesDirectories(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasPrefix("backplane-libraries-") }
    }

    // MARK: With calls

    @Test(
        "A signal lets a call in flight finish, and then the host exits with 0",
        arguments: [SIGTERM, SIGINT])
    func callInFlight(signal: Int32) async throws {
        let host = try await startHost()
        let (http, gate) = (host.http, host.directory.file("gate"))
        async let waiting = http.call("waits", "wait", gate)
        try await host.wait(for: "waits") { $0.calls.running == 1 }
        host.signal(signal)
        try await Eventually.true { host.log.contains("finishing what is in flight") }
        // It takes no more connections, and waits.
        try await Eventually.true { (try? RawSocket(port: host.port)) == nil }
        #expect(host.isRunning)

        try Data().write(to: URL(fileURLWithPath: gate))
        let answer = try await waiting
        #expect(answer.status == 200)
        #expect(answer.text == "there")
        #expect(try await host.waitForExit() == 0)
        #expect(host.logCount(of: " error ") + host.logCount(of: "ERROR") == 0)
    }

    @Test("A call by the command line in flight finishes too")
    func commandInFlight() async throws {
        let host = try await startHost()
        let gate = host.directory.file("gate")
        let call = try Program(
            HostProcess.executable,
            [
                "call", "--admin-socket", host.adminSocket, "waits", "--method-name", "wait",
                "--data", gate,
            ])
        try await host.wait(for: "waits") { $0.calls.running == 1 }
        host.signal(SIGTERM)
        try await Eventually.true { (try? RawSocket(port: host.port)) == nil }
        try Data().write(to: URL(fileURLWithPath: gate))
        #expect(try await call.waitForExit() == 0)
        #expect(call.output == "there")
        #expect(try await host.waitForExit() == 0)
    }

    @Test("A call that hangs for ever keeps the host for the shutdown timeout, and no longer")
    func callThatHangs() async throws {
        let host = try await startHost(["--shutdown-timeout", "1s"])
        let http = host.http
        let hanging = Task { try await http.call("blocks") }
        defer { hanging.cancel() }
        try await host.wait(for: "blocks") { $0.calls.running == 1 }
        let start = ContinuousClock.now
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
        let time = ContinuousClock.now - start
        #expect(time >= .seconds(1))
        #expect(time < .seconds(25))
        #expect(host.logCount(of: " warning ", "giving up what did not finish") == 1)
        #expect(try librariesDirectories(in: host.directory.path) == [])
        #expect(!FileManager.default.fileExists(atPath: host.adminSocket))
    }

    @Test("A plugin that hangs in create keeps the host no longer either")
    func createThatHangs() async throws {
        let host = try await HostProcess(arguments: ["--shutdown-timeout", "1s"])
        try host.place(try Fixture.library("hangs_in_create"), as: "hangs.so")
        try await host.wait(for: "hangs") { $0.state == .loading }
        let start = ContinuousClock.now
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
        #expect(ContinuousClock.now - start < .seconds(25))
        #expect(try librariesDirectories(in: host.directory.path) == [])
    }

    @Test("A signal while the host is still loading its plugins ends it")
    func whileLoading() async throws {
        let directory = try TemporaryDirectory()
        let plugins = try directory.makeDirectory("plugins.d")
        try Fixture.place(try Fixture.library("hangs_in_create"), as: "hangs.so", in: plugins)
        let socket = directory.file("admin.sock")
        let host = try Program(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", plugins, "--admin-socket", socket,
                "--shutdown-timeout", "1s",
            ], environment: ["TMPDIR": directory.path])
        try await Eventually.true { FileManager.default.fileExists(atPath: socket) }
        let start = ContinuousClock.now
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
        #expect(ContinuousClock.now - start < .seconds(25))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path)
                .filter { !$0.hasPrefix("plugins.d.state") } == ["plugins.d"])
    }

    @Test(
        "A second signal ends the host at once",
        arguments: [[SIGTERM, SIGTERM], [SIGINT, SIGINT], [SIGTERM, SIGINT]])
    func secondSignal(signals: [Int32]) async throws {
        let host = try await startHost()
        let http = host.http
        let hanging = Task { try await http.call("blocks") }
        defer { hanging.cancel() }
        try await host.wait(for: "blocks") { $0.calls.running == 1 }
        host.signal(signals[0])
        try await Eventually.true { host.log.contains("a second signal exits at once") }
        let start = ContinuousClock.now
        host.signal(signals[1])
        #expect(try await host.waitForExit() == 128 + signals[1])
        #expect(ContinuousClock.now - start < .seconds(25))
    }

    @Test("A peer that has gone (SIGPIPE) does not end the host")
    func brokenPipe() async throws {
        let host = try await startHost()
        host.signal(SIGPIPE)
        #expect(try await host.http.call("echo", nil, "still").text == "still")
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
    }

    // MARK: What is left

    @Test("While it runs a host keeps its copies to itself; after a normal end nothing is left")
    func nothingLeft() async throws {
        let host = try await startHost()
        let names = try librariesDirectories(in: host.directory.path)
        #expect(names.count == 1)
        let libraries = host.directory.file(try #require(names.first))
        let attributes = try FileManager.default.attributesOfItem(atPath: libraries)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: libraries)
                .filter { $0.hasSuffix(".so") }.count == 4)
        #expect(try await host.run("reload", "echo").status == 0)

        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
        let left = try FileManager.default.contentsOfDirectory(atPath: host.directory.path)
        // The state, and SQLite's journal of it, stay.
        #expect(left.filter { !$0.hasPrefix("plugins.d.state") } == ["plugins.d"])
        #expect(host.logCount(of: "retired") == 4)
    }

    @Test("What a killed host left behind, the next one removes, and not what a live one has")
    func leftovers() async throws {
        let temporary = try TemporaryDirectory()
        let environment = ["TMPDIR": temporary.path]
        let plugins = ["libecho.so": Repository.product("libecho.so")]
        let live = try await HostProcess(plugins: plugins, environment: environment)
        let killed = try await HostProcess(plugins: plugins, environment: environment)
        #expect(try librariesDirectories(in: temporary.path).count == 2)
        killed.signal(SIGKILL)
        #expect(try await killed.waitForExit() == 128 + SIGKILL)
        let left = Set(try librariesDirectories(in: temporary.path))
        #expect(left.count == 2)

        let next = try await HostProcess(plugins: plugins, environment: environment)
        let now = Set(try librariesDirectories(in: temporary.path))
        #expect(now.count == 2)
        #expect(now.intersection(left).count == 1)
        #expect(try await next.http.call("echo", nil, "next").text == "next")
        #expect(try await live.run("reload", "echo").status == 0)
        #expect(try await live.http.call("echo", nil, "live").text == "live")
    }

    @Test("Directories of others and what only looks like a leftover are let be")
    func notLeftovers() async throws {
        let temporary = try TemporaryDirectory()
        let precious = try temporary.makeDirectory("precious")
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(precious)/lock"))
        try FileManager.default.createSymbolicLink(
            atPath: temporary.file("backplane-libraries-link"), withDestinationPath: precious)
        _ = FileManager.default.createFile(
            atPath: temporary.file("backplane-libraries-file"), contents: nil)
        let host = try await HostProcess(environment: ["TMPDIR": temporary.path])
        #expect(FileManager.default.fileExists(atPath: "\(precious)/lock"))
        #expect(
            Set(try librariesDirectories(in: temporary.path)).isSuperset(of: [
                "backplane-libraries-link", "backplane-libraries-file",
            ]))
        #expect(host.isRunning)
    }
}
