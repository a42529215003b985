import HostCore
import TestSupport
import Testing

@Suite(.throttled) struct HeadRequestTests {
    @Test(
        "HEAD gets the head that GET gets, and no body",
        arguments: ["/echo", "/-/routes", "/-/healthz", "/nowhere"])
    func sameAsGet(target: String) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let body = target == "/echo" ? "hello" : ""
            let id = ["X-Request-ID: the-same"]
            try await wire.send(Requests.make("GET", target, body, headers: id))
            let get = try await wire.response()
            try await wire.send(Requests.make("HEAD", target, body, headers: id))
            let head = try await wire.response(hasBody: false)
            #expect(head.status == get.status)
            #expect(!get.body.isEmpty)
            for name in ["content-length", "content-type", "x-request-id", "connection"] {
                #expect(head[name] == get[name], "\(name)")
            }
            // Were there a body, it would be here.
            try await wire.send(Requests.call("echo", nil, "next"))
            #expect(try await wire.response().text == "next")
        }
    }

    @Test("HEAD of a large answer has its length")
    func largeAnswer() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "big_answer")) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.make("HEAD", "/big_answer"))
            #expect(
                try await wire.response(hasBody: false)["content-length"] == "\(10 << 20)")
            try await wire.send(Requests.call("echo", nil, "next"))
            #expect(try await wire.response().text == "next")
        }
    }

    @Test("HEAD of a stream has its framing, and no chunks")
    func stream() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "streams")) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.make("HEAD", "/streams", "10"))
            let head = try await wire.response(hasBody: false)
            #expect(head.status == 200)
            #expect(head["transfer-encoding"] == "chunked")
            try await wire.send(Requests.call("echo", nil, "next"))
            #expect(try await wire.response().text == "next")
        }
    }
}
