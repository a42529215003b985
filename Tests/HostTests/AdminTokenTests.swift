import Backplane
import Foundation
import HostAdmin
import HostForms
import TestSupport
import Testing

/// The admin API over TCP: for nobody without the token.
@Suite("The admin API over TCP") struct AdminTokenTests {
    private static let token = String(repeating: "0123456789abcdef", count: 4)

    /// A directory with a file that has a token, and a host that serves the admin API for it.
    private struct RemoteHost {
        let process: HostProcess
        let directory: TemporaryDirectory
        let file: String

        var http: HTTPTestClient { HTTPTestClient(port: process.adminPort ?? 0) }
        var url: String { "http://127.0.0.1:\(process.adminPort ?? 0)" }

        init(arguments: [String] = []) async throws {
            directory = try TemporaryDirectory()
            file = try writeToken(token, in: directory)
            process = try await HostProcess(
                plugins: ["libecho.so": Repository.product("libecho.so")],
                arguments: [
                    "--admin-listen", "127.0.0.1:0", "--admin-token-file", file,
                    "--log-level", "trace",
                ] + arguments)
        }

        func send(
            _ path: String, _ authorization: String?, method: String = "GET"
        ) async throws -> HTTPTestClient.Response {
            try await http.send(
                method, path, headers: authorization.map { ["authorization": $0] } ?? [:])
        }

        func run(
            _ arguments: String..., token: String? = nil
        ) async throws -> Tool.Result {
            try await Program.run(
                HostProcess.executable, arguments + ["--admin-url", url],
                environment: ["BACKPLANE_ADMIN_TOKEN": token])
        }
    }

    /// With the newline that a file ends with.
    private static func writeToken(
        _ token: String, in directory: TemporaryDirectory, mode: Int = 0o600
    ) throws -> String {
        let path = directory.file("token")
        try "\(token)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    // MARK: Requests

    @Test(
        "a request without the token is answered 401, whatever it asks for",
        arguments: [
            nil, "", "Bearer", "Bearer ", "Bearer \(token)0", "Bearer \(token.dropLast())",
            "Bearer \(token.uppercased())", "Basic \(token)", token, "Bearer \(token) \(token)",
            "Bearer \(token), Bearer \(token)",
        ])
    func refused(authorization: String?) async throws {
        let host = try await RemoteHost()
        for (method, path) in [
            ("GET", "/v1/plugins"), ("GET", "/v1/openapi.json"), ("GET", "/v1/nope"),
            ("PROPFIND", "/v1/plugins"), ("DELETE", "/v1/endpoints/echo"),
        ] {
            let answer = try await host.send(path, authorization, method: method)
            #expect(answer.status == 401, "\(method) \(path)")
            #expect(answer.headers["www-authenticate"] == "Bearer")
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.text.contains(#""status":401"#))
        }
        let head = try await host.send("/v1/plugins", authorization, method: "HEAD")
        #expect(head.status == 401 && head.body.isEmpty)
        #expect(try await host.process.http.call("echo", nil, "x").text == "x", "echo is there")
    }

    @Test("with the token all is as on the socket, which wants none")
    func admitted() async throws {
        let host = try await RemoteHost()
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let answer = try await host.send("/v1/plugins", "\(scheme) \(Self.token)")
            #expect(answer.status == 200 && answer.text.contains(#""name":"echo""#))
        }
        let unknown = try await host.send("/v1/nope", "Bearer \(Self.token)")
        #expect(unknown.status == 404)
        let socket = HTTPTestClient(socket: host.process.adminSocket)
        #expect(try await socket.send("GET", "/v1/plugins").status == 200)
    }

    @Test("a web page gets no permission, and a name that leads here changes nothing")
    func browsers() async throws {
        let host = try await RemoteHost()
        let preflight = try await host.http.send(
            "OPTIONS", "/v1/plugins",
            headers: [
                "origin": "http://evil.example", "access-control-request-method": "GET",
                "access-control-request-headers": "authorization",
            ])
        #expect(preflight.status == 401)
        let answer = try await host.http.send(
            "GET", "/v1/plugins",
            headers: [
                "origin": "http://evil.example", "host": "evil.example",
                "authorization": "Bearer \(Self.token)",
            ])
        #expect(answer.status == 200)
        for headers in [preflight.headers, answer.headers] {
            #expect(!headers.keys.contains { $0.hasPrefix("access-control-") })
        }
    }

    @Test("the document says that the token is needed over TCP, and not on the socket")
    func document() async throws {
        let host = try await RemoteHost()
        let answer = try await host.send("/v1/openapi.json", "Bearer \(Self.token)")
        let document = try JSONDecoder().decode(JSONValue.self, from: Data(answer.body))
        #expect(DocumentedAPI.member(document, "security") == [["token": []]])
        #expect(
            DocumentedAPI.member(AdminDocument.json, "security") == [[:], ["token": []]])
        let scheme = DocumentedAPI.member(document, "components", "securitySchemes", "token")
        #expect(DocumentedAPI.member(try #require(scheme), "scheme") == "bearer")
        #expect(
            DocumentedAPI.member(document, "paths")
                == DocumentedAPI.member(AdminDocument.json, "paths"))
    }

    // MARK: Commands

    @Test("commands reach the host with the token of the environment, or of a file")
    func commands() async throws {
        let host = try await RemoteHost()
        let list = try await host.run("list", token: Self.token)
        #expect(list.status == 0 && list.output.contains("libecho.so"), "\(list.errors)")
        let call = try await host.run(
            "call", "echo", "--data", "hi", "--admin-token-file", host.file)
        #expect(call.status == 0 && call.output == "hi", "\(call.errors)")
        let status = try await host.run("status", "--json", token: Self.token)
        #expect(status.status == 0 && status.output.hasPrefix("{\"backends\":"))

        let other = try await host.run("list", token: String(repeating: "x", count: 32))
        #expect(other.status == 1)
        #expect(other.errors == "Error: that is not the token of this host's admin API\n")
        #expect(!host.process.log.contains(Self.token))
    }

    @Test("a command that lacks a token, a good URL or a host says so in one line, without a token")
    func commandRefusals() async throws {
        let directory = try TemporaryDirectory()
        let url = "http://127.0.0.1:1"
        for (arguments, token, reason) in [
            (["--admin-url", url], nil, "set BACKPLANE_ADMIN_TOKEN"),
            (["--admin-url", url], "short-secret", "has 12 characters"),
            (["--admin-url", url], "\(Self.token) b", "has a blank"),
            (["--admin-url", url], Self.token, "no host is running with the admin API at \(url)"),
            (["--admin-url", "ftp://127.0.0.1"], Self.token, "such as http://127.0.0.1:9000"),
            (["--admin-url", "127.0.0.1:9000"], Self.token, "such as http://127.0.0.1:9000"),
            (["--admin-url", "http://me:secret@a"], Self.token, "the admin URL can't be used"),
            (
                ["--admin-url", url, "--admin-token-file", directory.file("none")], nil,
                "No such file or directory"
            ),
        ] as [([String], String?, String)] {
            let result = try await Program.run(
                HostProcess.executable, ["list"] + arguments,
                environment: ["BACKPLANE_ADMIN_TOKEN": token])
            #expect(result.status == 1, "\(arguments)")
            #expect(result.errors.contains(reason), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
            #expect(!result.errors.contains("secret") && !result.errors.contains(Self.token))
        }
        for arguments in [
            ["--admin-url", url, "--admin-socket", "a.sock"], ["--admin-token-file", "a"],
        ] {
            let result = try await Program.run(HostProcess.executable, ["list"] + arguments)
            #expect(result.status == 64, "\(arguments)")
        }
    }

    // MARK: The file

    @Test("SIGHUP reads a new token; one that can't be used leaves the old one")
    func rotation() async throws {
        let host = try await RemoteHost()
        let next = String(repeating: "f", count: 32)
        _ = try Self.writeToken(next, in: host.directory)
        host.process.signal(SIGHUP)
        try await Eventually.true {
            try await host.send("/v1/plugins", "Bearer \(next)").status == 200
        }
        #expect(try await host.send("/v1/plugins", "Bearer \(Self.token)").status == 401)

        _ = try Self.writeToken(Self.token, in: host.directory, mode: 0o644)
        host.process.signal(SIGHUP)
        try await Eventually.true { host.process.log.contains("chmod 600") }
        #expect(try await host.send("/v1/plugins", "Bearer \(next)").status == 200)
        #expect(try await host.send("/v1/plugins", "Bearer \(Self.token)").status == 401)
        #expect(!host.process.log.contains(next) && !host.process.log.contains(Self.token))
    }

    @Test(
        "a host without a token that can be used doesn't start, and says what to do",
        arguments: [
            (token, 0o640, "chmod 600"), (token, 0o604, "chmod 600"), (token, 0o601, "chmod 600"),
            (String(token.prefix(31)), 0o600, "it must have 32 at least"),
            ("", 0o600, "it must have 32 at least"),
            (String(repeating: "ä", count: 32), 0o600, "visible ASCII"),
            ("\(token) \(token)", 0o600, "has a blank"),
            (String(repeating: "x", count: 4_097), 0o600, "too many"),
        ])
    func unusable(token: String, mode: Int, reason: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try Self.writeToken(token, in: directory, mode: mode)
        let result = try await serve(
            in: directory, "--admin-listen", "127.0.0.1:0", "--admin-token-file", file)
        #expect(result.status == 1)
        #expect(result.errors.contains(file) && result.errors.contains(reason), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(token.isEmpty || !result.errors.contains(token))
    }

    @Test("what has no token file, a file that is none, or an address that is taken is refused")
    func refusedStart() async throws {
        let directory = try TemporaryDirectory()
        let file = try Self.writeToken(Self.token, in: directory)
        let missing = try await serve(in: directory, "--admin-listen", "127.0.0.1:0")
        #expect(missing.status == 1 && missing.errors.contains("--admin-token-file"))
        let folder = try await serve(
            in: directory, "--admin-listen", "127.0.0.1:0", "--admin-token-file", directory.path)
        #expect(folder.status == 1 && folder.errors.contains("is no regular file"))
        #expect(try await serve(in: directory, "--admin-listen", "9000").status == 64)

        let host = try await RemoteHost()
        let address = "127.0.0.1:\(try #require(host.process.adminPort))"
        let taken = try await serve(
            in: directory, "--admin-listen", address, "--admin-token-file", file)
        #expect(taken.status == 1)
        #expect(
            taken.errors == """
                Error: cannot listen for the admin API on \(address): Address already in use; \
                choose another address with --admin-listen

                """)
        #expect(!FileManager.default.fileExists(atPath: directory.file("admin.sock")))
    }

    private func serve(
        in directory: TemporaryDirectory, _ arguments: String...
    ) async throws -> Tool.Result {
        try await Program.run(
            HostProcess.executable,
            [
                "serve", "--port", "0", "--plugins-dir", try directory.makeDirectory("plugins.d"),
                "--admin-socket", directory.file("admin.sock"),
            ] + arguments)
    }

    @Test("a program that embeds a host, and the configuration file, serve it as well")
    func otherWays() async throws {
        let directory = try TemporaryDirectory()
        let file = try Self.writeToken(Self.token, in: directory)
        let path = directory.file("backplane.yaml")
        try "admin_listen: 127.0.0.1:0\nadmin_token_file: \(file)\n".write(
            toFile: path, atomically: true, encoding: .utf8)
        let host = try await HostProcess(arguments: ["--config", path])
        let client = try AdminClient(
            url: "http://127.0.0.1:\(try #require(host.adminPort))/", token: Self.token)
        #expect(try await client.list().plugins.isEmpty)
        #expect(host.output.contains("the admin API is at http://127.0.0.1:"))

        try await TestHost.run(configure: { configuration in
            configuration.adminPort = 0
            configuration.adminTokenFile = file
        }) { host in
            let client = try AdminClient(
                url: "http://127.0.0.1:\(try #require(host.adminPort))", token: Self.token)
            #expect(try await client.list().plugins.isEmpty)
        }
    }
}
