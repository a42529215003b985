import Backplane
import Foundation
import HostRouting
import TestSupport
import Testing

@Suite(.throttled) struct RoutingTests {
    @Test("the plugin sees method, path, query and headers as they were sent")
    func metadata() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make(
                    "GET", "/echo?a=1&b=%20x",
                    headers: ["X-SERVE-CALL-METHOD: headers", "X-Twice: 1", "x-twice:  2 "]))
            let metadata = try Metadata(try await wire.response())
            #expect(metadata.method == "GET")
            #expect(metadata.path == "/echo")
            #expect(metadata.query == "a=1&b=%20x")
            #expect(metadata.origin == "http")
            #expect(
                metadata.headers == [
                    ["host", "test"], ["x-serve-call-method", "headers"], ["x-twice", "1"],
                    ["x-twice", "2"],
                ])
        }
    }

    // RFC 9112, section 3.2.2.
    @Test("a target in absolute form is the same as one in origin form")
    func absoluteForm() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send(
                Requests.make(
                    "GET", "http://test:80/echo?a=1", headers: ["X-SERVE-CALL-METHOD: headers"]))
            let metadata = try Metadata(try await wire.response())
            #expect(metadata.path == "/echo")
            #expect(metadata.query == "a=1")
        }
    }

    @Test("the body's type is the answer's")
    func contentType() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let answer = try await host.http.call(
                "echo", nil, "{}", headers: ["Content-Type": "application/x-own; charset=utf-8"])
            #expect(answer.headers["content-type"] == "application/x-own; charset=utf-8")
            let untyped = try await host.http.call("echo", nil, "x")
            #expect(untyped.headers["content-type"] == "application/octet-stream")
        }
    }

    @Test("an unknown route is 404 and names the list of those there are")
    func unknownRoute() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let answer = try await host.http.send("GET", "/nowhere")
            #expect(answer.status == 404)
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.text.contains("/-/routes"))
            let list = try await host.http.send("GET", "/-/routes")
            #expect(list.text == #"{"/echo":["echo",["GET","POST"]]}"#)
            #expect(list.headers["content-type"] == "application/json")
        }
    }

    @Test("an unknown method is 404 and names those there are")
    func unknownMethod() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let answer = try await host.http.call("echo", "nothing")
            #expect(answer.status == 404)
            for method in ["nothing", "__call__", "inline", "upper", "headers"] {
                #expect(answer.text.contains(method))
            }
        }
    }

    @Test(
        "a method the endpoint doesn't take is 405 with Allow",
        arguments: ["OPTIONS", "PUT", "DELETE", "PATCH"])
    func notAllowed(method: String) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let answer = try await host.http.send(method, "/echo")
            #expect(answer.status == 405)
            #expect(answer.headers["allow"] == "GET, HEAD, POST")
            #expect(answer.headers["content-type"] == "application/problem+json")
        }
    }

    @Test("an endpoint with a prefix gets the whole path, as it was sent")
    func prefix() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            try host.setEndpoint(
                "api", route: "/api/*", httpMethods: ["GET", "DELETE"], weights: ["echo": 1])
            let wire = try Wire(to: host)
            for path in ["/api", "/api/", "/api/a//b", "/api/%2e%2E/x%2Fy", "/api/../echo"] {
                try await wire.send(
                    Requests.make("DELETE", path, headers: ["X-SERVE-CALL-METHOD: headers"]))
                let metadata = try Metadata(try await wire.response())
                #expect(metadata.path == path)
                #expect(metadata.method == "DELETE")
            }
            let refused = try await host.http.send("PUT", "/api/x")
            #expect(refused.status == 405)
            #expect(refused.headers["allow"] == "GET, HEAD, DELETE")
            #expect(try await host.http.send("HEAD", "/api/x").status == 200)
            #expect(try await host.http.send("GET", "/apis").status == 404)
            host.host.routes.remove(named: "api")
            #expect(try await host.http.send("GET", "/api/x").status == 404)
        }
    }

    @Test("a request without Host is refused")
    func noHost() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            try await wire.send("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
            let answer = try await wire.response()
            #expect(answer.status == 400)
            #expect(answer.problem?.detail.contains("Host") ?? false)
            #expect(answer.closes)
            #expect(await wire.end() == .closed)
        }
    }

    @Test("a plugin that is dropped in has a route, and none when it is gone")
    func comesAndGoes() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            #expect(try await host.http.send("GET", "/shout").status == 404)
            try Fixture.place(
                try Fixture.library("shout"), as: "libshout.so", in: host.pluginsDirectory)
            try await Eventually.true { try await host.http.send("GET", "/shout").status == 200 }
            try FileManager.default.removeItem(atPath: host.pluginsDirectory + "/libshout.so")
            try await Eventually.true { try await host.http.send("GET", "/shout").status == 404 }
        }
    }
}
