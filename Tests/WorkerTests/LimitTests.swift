import Backplane
import Foundation
import HostDeployment
import TestSupport
import Testing

/// What a worker process may have and do, and what it may not.
@Suite struct LimitTests {
    /// - Returns: what the plugin says of each attempt: "done", or the name of the error.
    private func attempts(
        _ attempts: [String], _ manifest: String, _ look: (TestHost) throws -> Void = { _ in }
    ) async throws -> [String] {
        try await TestHost.run(
            plugins: ["libsick.so": try Fixture.library("harms")],
            manifests: ["sick": "isolation: process\n\(manifest)"]
        ) { host in
            var answers: [String] = []
            for attempt in attempts {
                let answer = try await host.http.call("sick", "tries", attempt)
                #expect(answer.status == 200, "\(attempt): \(answer.text)")
                answers.append(answer.text)
            }
            try look(host)
            return answers
        }
    }

    @Test("without limits a plugin may what its user may")
    func none() async throws {
        let tried = ["fork", "thread", "exec", "socket", "local socket", "memory", "files"]
        #expect(try await attempts(tried, "") == tried.map { _ in "done" })
    }

    @Test("processes, programs and the network are forbidden one by one; threads are not")
    func forbidden() async throws {
        #expect(
            try await attempts(
                ["fork", "thread", "socket"], "limits: {threads_only: true}"
            ) == ["EPERM", "done", "done"])
        #expect(
            try await attempts(["exec", "fork", "socket"], "sandbox: {exec: false}")
                == ["EPERM", "done", "done"])
        #expect(
            try await attempts(
                ["socket", "local socket", "fork"], "sandbox: {network: false}"
            ) == ["EPERM", "done", "done"])
    }

    // A sanitizer reserves, and allocates, more than a limit may allow.
    @Test(
        "memory and descriptors end where the limits are", .disabled(if: Sanitizer.current != nil))
    func limits() async throws {
        #expect(
            try await attempts(["memory", "files"], "limits: {memory: 128MiB, open_files: 64}")
                == ["ENOMEM", "EMFILE"])
    }

    @Test("what may be written is what the manifest says, and below it")
    func writes() async throws {
        let directory = try TemporaryDirectory()
        let (open, closed) = (
            try directory.makeDirectory("open"), try directory.makeDirectory("closed")
        )
        #expect(
            try await attempts(
                ["\(open)/a", "\(closed)/a"], "sandbox: {write: [\(open)]}"
            ) == ["done", "EACCES"])
        #expect(FileManager.default.fileExists(atPath: "\(open)/a"))
    }

    @Test("a pipe that nobody reads is an error, as in the host's process, and no end")
    func pipe() async throws {
        #expect(try await attempts(["pipe", "pipe"], "") == ["EPIPE", "EPIPE"])
    }

    @Test("the environment and the directory are the manifest's")
    func surroundings() async throws {
        let directory = try TemporaryDirectory()
        #expect(
            try await attempts(["env", "cwd"], "env: {SICK: yes it is}\ncwd: \(directory.path)")
                == ["yes it is", directory.path])
    }

    @Test(
        "what can't be had, and what is not for the host's own process, is refused with its reason")
    func refused() async throws {
        for (manifest, reason) in [
            (
                "isolation: process\nsandbox: {write: [/nowhere]}",
                "sandbox.write /nowhere can't be had"
            ),
            ("isolation: process\ncwd: /nowhere", "cwd /nowhere can't be had"),
            ("limits: {memory: 64MiB}", "limits is for plugins in processes of their own"),
            ("isolation: process\nlimits: {memory: 1MiB}", "a size, 16MiB or more"),
        ] {
            try await TestHost.run(
                plugins: ["libsick.so": try Fixture.library("harms")], manifests: ["sick": manifest]
            ) { host in
                let status = try await host.wait(for: "sick") { $0.state == .failed }
                let told = status.reason ?? ""
                #expect(told.contains(reason), "\(told)")
            }
        }
    }
}
