import Foundation
import HostDeployment
import TestSupport
import Testing

/// What a child of a plugin has of the host's files and connections: nothing.
@Suite("Children of a plugin", .serialized, .disabled(if: Sanitizer.current != nil))
struct InheritedDescriptorTests {
    private func startHost() async throws -> HostProcess {
        let directory = try TemporaryDirectory()
        let token = directory.file("token")
        _ = FileManager.default.createFile(
            atPath: token, contents: Data(String(repeating: "x", count: 64).utf8),
            attributes: [.posixPermissions: 0o600])
        let host = try await HostProcess(
            plugins: [
                "starts_child.so": try Fixture.library("starts_child"),
                "libecho.so": Repository.product("libecho.so"),
            ],
            arguments: [
                "--admin-listen", "127.0.0.1:0", "--admin-token-file", token, "--io-threads", "2",
            ])
        try await host.wait(for: "starts_child") { $0.state == .serving }
        return host
    }

    @Test(
        "A child inherits the standard streams alone, also one that starts while connections come and go"
    )
    func nothing() async throws {
        let host = try await startHost()
        let http = host.http
        let load = (0..<4).map { _ in
            Task {
                while !Task.isCancelled {
                    _ = try? await http.call("echo", headers: ["Connection": "close"])
                }
            }
        }
        let changes = Task {
            while !Task.isCancelled { _ = try? await host.list() }
        }
        defer {
            for task in load + [changes] { task.cancel() }
        }
        for _ in 0..<30 {
            let answer = try await host.http.call("starts_child")
            #expect(answer.status == 200)
            #expect(answer.text == "")
        }
    }

    @Test("All descriptors of a host are closed on exec, those of its listeners among them")
    func flags() async throws {
        let host = try await startHost()
        let client = try RawSocket(port: host.port)
        try client.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try await host.http.call("echo")
        let folder = "/proc/\(host.pid)/fdinfo"
        var inherited: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            guard let number = Int(name), number > 2,
                let information = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8),
                let flags = information.firstMatch(of: /flags:\s+([0-7]+)/)
            else { continue }
            // O_CLOEXEC
            guard Int(flags.1, radix: 8)! & 0o2000000 == 0 else { continue }
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(host.pid)/fd/\(name)")
            inherited.append("\(name) \(target ?? "")")
        }
        #expect(inherited == [])
    }

    @Test("A child that outlives the host does not hold its port")
    func port() async throws {
        let host = try await startHost()
        let adminPort = try #require(host.adminPort)
        let answer = try await host.http.call("starts_child", "stays").text
        let child = try #require(Int32(answer.trimmingCharacters(in: .whitespacesAndNewlines)))
        defer { kill(child, SIGKILL) }
        host.signal(SIGKILL)
        _ = try await host.waitForExit()
        #expect(kill(child, 0) == 0)
        #expect((try? RawSocket(port: host.port)) == nil)
        #expect((try? RawSocket(port: adminPort)) == nil)
    }
}
