import Backplane
import TestSupport
import Testing

// RFC 9110, section 10.1.1.
@Suite(.throttled) struct ExpectTests {
    private static let expect = "Expect: 100-continue"

    @Test("a client that waits for it is told to go on, and answered")
    func accepted() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            for body in ["first", "other"] {
                try await wire.send(
                    Requests.call("echo", nil, headers: [Self.expect, "Content-Length: 5"]))
                #expect(try await wire.response().statusLine == "HTTP/1.1 100 Continue")
                try await wire.send(body)
                let answer = try await wire.response()
                #expect(answer.status == 200)
                #expect(answer.text == body)
            }
        }
    }

    @Test("chunks may be waited for too")
    func chunks() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("echo", nil, headers: [Self.expect, "Transfer-Encoding: chunked"]))
            #expect(try await wire.response().status == 100)
            try await wire.send("5\r\nhello\r\n0\r\n\r\n")
            #expect(try await wire.response().text == "hello")
        }
    }

    @Test(
        "a refusal comes at once, and what follows is not read as a request",
        arguments: [
            ("/nowhere", "POST", 5, 404), ("/echo", "PUT", 5, 405), ("/echo", "POST", 1_001, 413),
        ])
    func refused(target: String, method: String, length: Int, status: Int) async throws {
        try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.maxBodySize, 1_000)
        ) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make(
                    method, target, headers: [Self.expect, "Content-Length: \(length)"]))
            let answer = try await wire.response()
            #expect(answer.status == status)
            #expect(answer.closes)
            try await wire.send(Requests.call("echo", nil, "smuggled"))
            let (bytes, end) = await wire.rest()
            #expect(bytes.isEmpty)
            #expect(end == .closed)
        }
    }

    @Test("the body of a refused request that is sent all the same is dropped")
    func bodySentAllTheSame() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let body = Requests.call("echo", nil, "smuggled")
            try await wire.send(
                Requests.make("POST", "/nowhere", body, headers: [Self.expect]))
            #expect(try await wire.response().status == 404)
            let (bytes, end) = await wire.rest()
            #expect(bytes.isEmpty)
            #expect(end == .closed)
        }
    }

    @Test("HTTP/1.0 knows no 100, and gets none")
    func oldVersion() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make("POST", "/echo", "hello", headers: [Self.expect], version: "1.0"))
            let answer = try await wire.response()
            #expect(answer.status == 200)
            #expect(answer.text == "hello")
        }
    }

    @Test("a pipelined request is told to go on when its turn has come")
    func pipelined() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "blocks")) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.call("blocks", "sleep", "100")
                    + Requests.call("echo", nil, headers: [Self.expect, "Content-Length: 5"]))
            #expect(try await wire.response().text == "slept")
            #expect(try await wire.response().status == 100)
            try await wire.send("hello")
            #expect(try await wire.response().text == "hello")
        }
    }
}
