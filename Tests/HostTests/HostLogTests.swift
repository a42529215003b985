import Foundation
import HostDeployment
import TestSupport
import Testing

/// The log of the program: it holds nobody up, has no more lines than somebody can read, and each is one.
@Suite("The host's log", .serialized)
struct HostLogTests {
    /// Standard error that nobody reads until the test does.
    private final class UnreadLog {
        let path: String
        private let reader: Int32

        init(in directory: TemporaryDirectory) throws {
            path = directory.file("log")
            mkfifo(path, 0o600)
            // Before the host opens it: that would wait for a reader.
            reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            guard reader >= 0 else { throw POSIXError(.EIO) }
        }

        deinit { close(reader) }

        /// What there is to be read now.
        func read() -> String {
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = Foundation.read(reader, &buffer, buffer.count), count > 0 {
                text += buffer[..<count]
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    private func startHost(
        standardError redirection: String, _ path: String = "", plugins: [String: String]
    ) async throws -> HostProcess {
        try await HostProcess(
            plugins: plugins,
            through: ["sh", "-c", "p=$1; shift; exec \"$@\" \(redirection)", "sh", path])
    }

    /// More than the pipe and the host's memory take.
    private func fillLog(of host: HostProcess) async throws {
        let line = String(repeating: "x", count: 10_000)
        for _ in 0..<200 {
            #expect(try await host.http.call("logs", nil, line).status == 200)
        }
    }

    @Test("When nobody reads it the host serves on, and ends")
    func unread() async throws {
        let directory = try TemporaryDirectory()
        let log = try UnreadLog(in: directory)
        let host = try await startHost(
            standardError: "2>\"$p\"", log.path, plugins: ["logs.so": try Fixture.library("logs")])
        try await fillLog(of: host)
        #expect(try await host.http.send("GET", "/-/healthz").status == 200)
        host.signal(SIGTERM)
        #expect(try await host.waitForExit(within: .seconds(20)) == 0)
        #expect(log.read().contains("plugin=logs"))
    }

    @Test("When it is read again, a line says how many are missing, and the later ones are there")
    func dropped() async throws {
        let directory = try TemporaryDirectory()
        let log = try UnreadLog(in: directory)
        let host = try await startHost(
            standardError: "2>\"$p\"", log.path, plugins: ["logs.so": try Fixture.library("logs")])
        try await fillLog(of: host)
        var text = ""
        try await Eventually.true {
            text += log.read()
            return text.contains("lines of the log were dropped")
        }
        let count = try #require(text.firstMatch(of: /warning backplane: lines=(\d+) \[/))
        let written = text.matches(of: /xxxx\n/).count
        #expect(written + (Int(count.1) ?? 0) <= 200)
        #expect(written < 200)
        #expect(try await host.http.call("logs", nil, "later").status == 200)
        try await Eventually.true {
            text += log.read()
            return text.contains("] later\n")
        }
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
    }

    @Test("What a plugin logs is one line, whatever is in it")
    func forged() async throws {
        let host = try await HostProcess(plugins: ["logs.so": try Fixture.library("logs")])
        let text =
            "first\n2026-01-31T09:30:00.125Z critical backplane: [backplane] forged \u{1B}[2J"
        _ = try await host.http.call("logs", nil, text)
        try await Eventually.true { host.log.contains("first") }
        let first = host.log.split(separator: "\n").first { $0.contains("first") }
        let line = try #require(first)
        #expect(line.hasSuffix(#"[backplane] forged \u{1b}[2J"#))
        #expect(line.contains("plugin=logs"))
    }

    @Test(
        "Standard streams that are closed become /dev/null, so that nothing else takes their places"
    )
    func closedStreams() async throws {
        let host = try await startHost(
            standardError: "<&- >&- 2>&-", plugins: ["logs.so": try Fixture.library("logs")])
        for stream in 0...2 {
            let target = try FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(host.pid)/fd/\(stream)")
            #expect(target == "/dev/null")
        }
        #expect(try await host.http.call("logs", nil, "unheard").status == 200)
        host.signal(SIGTERM)
        #expect(try await host.waitForExit() == 0)
    }

    @Test("Calls that fail alike write some lines, with whose they are, and then their number")
    func limited() async throws {
        let log = try await TestHost.run(
            plugins: ["waits.so": try Fixture.library("waits")],
            manifests: ["waits": "max_queued_requests: 1"]
        ) { host in
            let gate = host.directory.file("gate")
            let http = HTTPTestClient(port: host.port)
            let held = (0..<2).map { _ in Task { try await http.call("waits", nil, gate) } }
            _ = try await host.wait(for: "waits") { $0.calls.running + $0.calls.waiting == 2 }
            for _ in 0..<100 { #expect(try await http.call("waits", nil, gate).status == 503) }
            _ = FileManager.default.createFile(atPath: gate, contents: nil)
            for call in held { #expect(try await call.value.status == 200) }
            return host.log
        }
        let refused = log.text.filter { $0.contains("status=503") && $0.contains("request_id=") }
        #expect(refused.count == 10)
        for part in ["backend=waits", "plugin=waits", "method=__call__", "path=/waits"] {
            #expect(refused.allSatisfy { $0.contains(part) })
        }
        // At the end at the latest.
        let summary = log.text.filter { $0.contains("HTTP 503: 90 lines more") }
        #expect(summary.count == 1)
        #expect(summary.first?.contains("backend=waits") == true)
    }
}
