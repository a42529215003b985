import Backplane
import BackplaneHummingbird
import Foundation
import HTTPTypes
import HostCore
import HostDeployment
import HostState
import Hummingbird
import Logging
import NIOCore
import TestSupport
import Testing

/// Hummingbird's own middleware in a host's chain.
@Suite struct HummingbirdStageTests {
    private static let cors = HummingbirdStage(
        CORSMiddleware(allowOrigin: .oneOf("https://a.example"), allowMethods: [.get, .post]))

    @Test("CORSMiddleware answers preflights, and adds its headers to answers and errors")
    func cors() async throws {
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [Self.cors]
        } _: { host in
            let origin = ["Origin": "https://a.example"]
            let preflight = try await host.http.send("OPTIONS", "/echo", headers: origin)
            #expect(preflight.status == 204)
            #expect(preflight.headers["access-control-allow-methods"] == "GET, POST")
            #expect(preflight.headers["content-length"] == nil)
            let answer = try await host.http.call("echo", nil, "hello", headers: origin)
            #expect((answer.status, answer.text) == (200, "hello"))
            #expect(answer.headers["access-control-allow-origin"] == "https://a.example")
            #expect(answer.headers["vary"] == "Origin")
            #expect(answer.headers["content-length"] == "5")
            let missing = try await host.http.call("echo", "nope", headers: origin)
            #expect(missing.status == 404)
            #expect(missing.headers["access-control-allow-origin"] == "https://a.example")
            #expect(missing.headers["content-type"] == "application/problem+json")
            #expect(missing.text.contains("echo has no method nope"))
            let stage = try await host.outermostStage()
            #expect((stage.name, stage.calls, stage.errors) == ("CORSMiddleware", 3, 0))
        }
    }

    @Test("FileMiddleware serves files where no endpoint is", arguments: [5, 3 << 20])
    func files(size: Int) async throws {
        let directory = try TemporaryDirectory()
        let text = String(repeating: "x", count: size)
        try text.write(toFile: directory.file("page.txt"), atomically: true, encoding: .utf8)
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [Self.cors, HummingbirdStage(FileMiddleware(directory.path))]
        } _: { host in
            let page = try await host.http.send(
                "GET", "/page.txt", headers: ["Origin": "https://a.example"])
            #expect(page.status == 200 && page.text == text)
            #expect(page.headers["content-type"]?.hasPrefix("text/plain") == true)
            #expect(page.headers["access-control-allow-origin"] == "https://a.example")
            let none = try await host.http.send("GET", "/none.txt")
            #expect(none.status == 404)
            #expect(none.headers["content-type"] == "application/problem+json")
            #expect(try await host.http.call("echo", nil, "hello").text == "hello")
        }
    }

    @Test("LogRequestsMiddleware finds the request and its id; a plugin's stream passes")
    func logs() async throws {
        let log = TestLog()
        try await TestHost.run(plugins: try Fixture.besideEcho("streams")) {
            $0.middleware = [
                HummingbirdStage(LogRequestsMiddleware(.info), logger: log.logger)
            ]
        } _: { host in
            let answer = try await host.http.call(
                "streams", nil, "100", headers: ["X-Request-ID": "its-own"])
            #expect(answer.text == (0..<100).map { "part \($0)\n" }.joined() + "end\n")
            #expect(answer.headers["content-type"] == "text/plain")
            let line = try #require(log.text.first)
            #expect(line.contains("/streams") && line.contains("its-own"), "\(line)")
        }
    }

    /// Gives a page for what isn't there.
    private struct ErrorPage: RouterMiddleware {
        typealias Context = StageContext

        func handle(
            _ request: Request, context: StageContext,
            next: (Request, StageContext) async throws -> Response
        ) async throws -> Response {
            do {
                return try await next(request, context)
            } catch let error as any HTTPResponseError where error.status == .notFound {
                return Response(
                    status: .notFound, headers: [.contentType: "text/html"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: "<p>nothing</p>")))
            }
        }
    }

    @Test("what it gives in place of a failure is the answer")
    func errorPage() async throws {
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [Self.cors, HummingbirdStage(ErrorPage())]
        } _: { host in
            let page = try await host.http.send(
                "GET", "/nowhere", headers: ["Origin": "https://a.example"])
            #expect((page.status, page.text) == (404, "<p>nothing</p>"))
            #expect(page.headers["content-type"] == "text/html")
            #expect(page.headers["access-control-allow-origin"] == "https://a.example")
        }
    }

    /// Rewrites, as middleware of Hummingbird's may; and fails as it does.
    private struct Rewrites: RouterMiddleware {
        typealias Context = StageContext

        func handle(
            _ request: Request, context: StageContext,
            next: (Request, StageContext) async throws -> Response
        ) async throws -> Response {
            if request.uri.path == "/forbidden" {
                throw HTTPError(.forbidden, headers: [.retryAfter: "9"], message: "not today")
            }
            if request.uri.path == "/page" {
                return try await next(request, context)
            }
            var head = request.head
            head.path = "/echo"
            let text = String(buffer: try await request.body.collect(upTo: 1_000))
            let body = RequestBody(buffer: ByteBuffer(string: text + " and more"))
            return try await next(Request(head: head, body: body), context)
        }
    }

    @Test("what it changes of a request goes on; what it throws is a problem")
    func rewrites() async throws {
        try await TestHost.run(plugins: try Fixture.besideEcho()) {
            $0.middleware = [HummingbirdStage(Rewrites())]
            $0.maxBodySize = 100
        } _: { host in
            let answer = try await host.http.send("POST", "/other", body: "hello")
            #expect((answer.status, answer.text) == (200, "hello and more"))
            let forbidden = try await host.http.send("GET", "/forbidden")
            #expect(forbidden.status == 403 && forbidden.text.contains(#""detail":"not today""#))
            #expect(forbidden.headers["content-type"] == "application/problem+json")
            #expect(forbidden.headers["retry-after"] == "9")
            for path in ["/page", "/other"] {
                let large = try await host.http.send(
                    "POST", path, body: String(repeating: "x", count: 101))
                #expect(large.status == 413, "\(large.text)")
                #expect(large.headers["content-type"] == "application/problem+json")
            }
        }
    }
}
