import Foundation
import TestSupport
import Testing

/// What the admin API over TCP does with those who have not presented the token.
@Suite("The door of the admin API over TCP") struct AdminDoorTests {
    private static let token = String(repeating: "0123456789abcdef", count: 4)
    private static let authorization = "Authorization: Bearer \(token)\r\n"

    /// In a process of its own: the sockets here block threads that a host beside them would need.
    private func run(_ body: (Int) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("token")
        try Self.token.write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let host = try await HostProcess(
            arguments: ["--admin-listen", "127.0.0.1:0", "--admin-token-file", file])
        try await body(try #require(host.adminPort))
    }

    @Test(
        "a request without the token is the connection's last, whatever comes behind it",
        arguments: [
            "GET /v1/plugins HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            "POST /v1/backends HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n",
            "POST /v1/backends HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
        ])
    func last(head: String) async throws {
        try await run { port in
            let socket = try RawSocket(port: port)
            try socket.send(head)
            let answer = socket.receive { $0.contains("}") }
            #expect(answer.hasPrefix("HTTP/1.1 401 "))
            #expect(answer.lowercased().contains("connection: close"))
            // More than the sockets' buffers hold: the host takes it and drops it, or has closed.
            try? socket.send([UInt8](repeating: 0x78, count: 32 << 20))
            #expect(socket.isClosedByPeer())
        }
    }

    @Test("one without it behind one with it is refused, and the first is answered")
    func behind() async throws {
        try await run { port in
            let socket = try RawSocket(port: port)
            let get = "GET /v1/plugins HTTP/1.1\r\nHost: a\r\n"
            try socket.send(
                "\(get)\(Self.authorization)\r\n\(get)\r\n\(get)\(Self.authorization)\r\n")
            let answers = socket.receive()
            let statuses = answers.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.1) }
            #expect(statuses == ["200", "401"])
        }
    }

    @Test("who asks for another protocol is answered in this one, and goes on")
    func upgrade() async throws {
        try await run { port in
            let socket = try RawSocket(port: port)
            for _ in 0..<2 {
                try socket.send(
                    "GET /v1/plugins HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
                        + "\(Self.authorization)\r\n")
                let answer = socket.receive { $0.contains("]") }
                #expect(answer.hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test(
        "what can't be a request is refused and closed",
        arguments: [
            "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n",
            "GET /\(String(repeating: "x", count: 20_000)) HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \(String(repeating: "x", count: 20_000))\r\n\r\n",
            "GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 100))\r\n",
        ])
    func malformed(request: String) async throws {
        try await run { port in
            let socket = try RawSocket(port: port)
            try socket.send(request)
            #expect(socket.receive().hasPrefix("HTTP/1.1 400 "))
        }
    }
}
