import Backplane
import HostCore
import NIOCore
import TestSupport
import Testing

/// The table of the Ray Serve FAQ, "How do ServeHandle and ServeRequest work?": each row over HTTP and through a handle
/// against the same plugin, which gives both the same response.
@Suite struct ServeHandleTableTests {
    @Test("headers={...} | options(http_headers={...}) | request.headers")
    func headers() async throws {
        try await Self.compare("header", body: "x-user") { http in
            try await http("POST", "/serve_request", ["X-User": "ann"])
        } handle: { handle in
            handle.options(httpHeaders: ["X-User": "ann"]).remote("x-user")
        } expecting: {
            "ann"
        }
    }

    @Test(
        "requests.post(...) | options(http_method=\"POST\") | request.method",
        arguments: ["POST", "GET"])
    func method(_ name: String) async throws {
        try await Self.compare("method") { http in
            try await http(name, "/serve_request", [:])
        } handle: { handle in
            handle.options(httpMethod: name).remote()
        } expecting: {
            name
        }
    }

    @Test("json={...} | remote({...}) | await request.json()")
    func json() async throws {
        let json = #"{"size":3,"words":["a","b c"]}"#
        try await Self.compare("json", body: json) { http in
            try await http("POST", "/serve_request", ["Content-Type": "application/json"])
        } handle: { handle in
            handle.remote(Sample(size: 3, words: ["a", "b c"]))
        } expecting: {
            json
        }
    }

    @Test("form={...} | remote({...}) | await request.form()")
    func form() async throws {
        let form = "name=Ann+B%C3%A9&a%26b=1&a%26b=2"
        try await Self.compare("form", body: form) { http in
            try await http(
                "POST", "/serve_request", ["Content-Type": "application/x-www-form-urlencoded"])
        } handle: { handle in
            handle.remote(.form(["name": "Ann Bé", "a&b": "1", "a&b": "2"]))
        } expecting: {
            form
        }
    }

    @Test("params={\"a\": \"b\"} | remote(a=\"b\") | request.query_params")
    func queryParams() async throws {
        try await Self.compare("query_params") { http in
            try await http("GET", "/serve_request?a=b&a=c%3F&d=e+f", [:])
        } handle: { handle in
            handle.options(httpMethod: "GET").remote(query: ["a": "b", "a": "c?", "d": "e f"])
        } expecting: {
            "a=b&a=c%3F&d=e+f"
        }
    }

    @Test("data=\"long string\" | remote(\"long string\") | await request.body()")
    func body() async throws {
        let text = String(repeating: "long string ", count: 10_000)
        try await Self.compare("body", body: text) { http in
            try await http("POST", "/serve_request", ["Content-Type": "text/plain; charset=utf-8"])
        } handle: { handle in
            handle.remote(text)
        } expecting: {
            text
        }
    }

    @Test("N/A | remote(python_object) | request.data")
    func data() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let handle = try host.host.handle("serve_request").options(methodName: "data")
            let text = CText("as it is")
            let answer = unsafe handle.remote(
                .native(at: text.address, type: "text") { text.release() })
            #expect(try await answer.text() == "as it is")
            try await Eventually.true { text.isReleased }

            // Not possible in HTTP, and not with another type.
            #expect(try await host.http.call("serve_request", "data").status == 404)
            let other = CText("other")
            let refused = unsafe handle.remote(
                .native(at: other.address, type: "image") { other.release() })
            let error = await #expect(throws: CallError.self) { try await refused.response() }
            #expect(error?.code == .plugin && error?.status == "INVALID_ARGUMENT")
            try await Eventually.true { other.isReleased }
        }
    }

    @Test("the origin of a call is visible: HTTP, or a handle")
    func origin() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            #expect(try await host.http.call("serve_request", "origin").text == "http")
            let handle = try host.host.handle("serve_request").options(methodName: "origin")
            #expect(try await handle.remote().text() == "handle")
        }
    }

    @Test("a web request that is passed to a handle arrives unwrapped")
    func webRequest() async throws {
        try await TestHost.run(plugins: try Self.plugins) { host in
            let request = WebRequest(
                method: "PATCH", path: "/somewhere%20else", query: "q=1",
                headers: [
                    ("Content-Type", "text/x-own"), ("X-Request-ID", "its-own"),
                    ("X-SERVE-SHARD-KEY", "shard"), ("X-User", "ann"),
                ], body: ByteBuffer(string: "x-user"))
            // Those of the handle are not the request's.
            let handle = try host.host.handle("serve_request").options(
                httpMethod: "PUT", httpHeaders: ["X-User": "bob"])
            for (method, expected) in [
                ("origin", "http"), ("method", "PATCH"), ("path", "/somewhere%20else"),
                ("query_params", "q=1"), ("header", "ann"), ("request_id", "its-own"),
                ("shard_key", "shard"), ("body", "x-user"),
            ] {
                let answer = try await handle.options(methodName: method)
                    .remote(.request(request), query: ["not": "used"]).response()
                #expect(answer.text == expected)
                if method == "body" { #expect(answer.contentType == "text/x-own") }
            }
        }
    }

    // MARK: Both ways

    private struct Sample: Encodable {
        let size: Int
        let words: [String]
    }

    private typealias HTTP = (
        _ method: String, _ path: String, _ headers: [String: String]
    ) async throws -> HTTPTestClient.Response

    private static var plugins: [String: String] {
        get throws { ["libserve_request.so": try Fixture.library("serve_request")] }
    }

    /// Calls one method of the plugin both ways.
    private static func compare(
        _ method: String, body: String = "",
        http: (HTTP) async throws -> HTTPTestClient.Response,
        handle: (Handle) -> HandleResponse, expecting expected: () -> String
    ) async throws {
        try await TestHost.run(plugins: try plugins) { host in
            let viaHTTP = try await http { httpMethod, path, headers in
                try await host.http.send(
                    httpMethod, path,
                    headers: headers.merging(["X-SERVE-CALL-METHOD": method]) { first, _ in first },
                    body: body)
            }
            let viaHandle = try await handle(
                try host.host.handle("serve_request").options(methodName: method)
            ).response()
            #expect(viaHTTP.status == 200)
            #expect(viaHTTP.text == expected())
            #expect(viaHandle.bytes == viaHTTP.body)
            #expect(viaHandle.contentType == viaHTTP.headers["content-type"])
        }
    }
}
