import Foundation
import HostDeployment
import TestSupport
import Testing

/// Worker processes of a host that is a process of its own: they come and go with it, and leave nothing.
@Suite(.disabled(if: Sanitizer.current != nil)) struct WorkerLifeTests {
    private func startHost() async throws -> HostProcess {
        let host = try await HostProcess(
            plugins: ["libcounter.so": Repository.product("libcounter.so")],
            arguments: ["--isolation", "process"])
        try await host.wait(for: "counter") { $0.state == .serving && $0.processes.count == 1 }
        return host
    }

    private func openFiles(of host: HostProcess) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.pid)/fd").count
    }

    /// The processes that a host has started, those that nobody has reaped among them.
    private func children(of host: HostProcess) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.pid)/task").flatMap {
            task in
            let path = "/proc/\(host.pid)/task/\(task)/children"
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
    }

    @Test("reloads, and kills, leave no descriptor, no thread, no process and no zombie")
    func nothingLeft() async throws {
        let host = try await startHost()
        func threads() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.pid)/task").count
        }
        for _ in 0..<3 { #expect(try host.command("reload", "counter").status == 0) }
        try await Eventually.true { try children(of: host).count == 1 }
        let before = (files: try openFiles(of: host), threads: try threads())
        for round in 0..<20 {
            if round % 2 == 0 {
                #expect(try host.command("reload", "counter").status == 0)
            } else {
                for child in try children(of: host) { kill(child, SIGKILL) }
                try await Eventually.true { try await host.http.call("counter").status == 200 }
            }
        }
        try await Eventually.true {
            try children(of: host).count == 1 && openFiles(of: host) <= before.files + 2
                && threads() <= before.threads + 2
        }
    }

    @Test("a worker ends with its host, however that ends", arguments: [SIGTERM, SIGKILL])
    func withHost(signal: Int32) async throws {
        let host = try await startHost()
        let workers = try children(of: host)
        #expect(workers.count == 1)
        host.signal(signal)
        _ = try await host.waitForExit()
        try await Eventually.true { workers.allSatisfy { kill($0, 0) == -1 && errno == ESRCH } }
    }

    @Test("a SIGTERM to all, as systemd sends it, lets calls finish")
    func groupEnds() async throws {
        let host = try await HostProcess(
            plugins: ["libblocks.so": try Fixture.library("blocks")],
            arguments: ["--isolation", "process"])
        try await host.wait(for: "blocks") { $0.state == .serving }
        let http = host.http
        let call = Task { try await http.call("blocks", "sleep", "700") }
        try await host.wait(for: "blocks") { $0.calls.running == 1 }
        for worker in try children(of: host) { kill(worker, SIGTERM) }
        host.signal(SIGTERM)
        #expect(try await call.value.text == "slept")
        #expect(try await host.waitForExit() == 0)
    }

    @Test("list names the processes of a plugin")
    func list() async throws {
        let host = try await startHost()
        let workers = try children(of: host)
        let listed = try host.command("list")
        #expect(
            listed.output.contains("counter: in worker processes: \(workers[0])"),
            "\(listed.output)")
    }
}
