import Backplane
import Foundation
import HostCore
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// Plugins that call other endpoints through handles of their own.
@Suite struct CompositionTests {
    private static func calls(_ name: String, to other: String) throws -> String {
        try Fixture.library("calls", defines: ["NAME=\"\(name)\"", "OTHER=\"\(other)\""])
    }

    /// Two plugins that call each other.
    private static var pingPong: [String: String] {
        get throws {
            [
                "libping.so": try calls("ping", to: "pong"),
                "libpong.so": try calls("pong", to: "ping"),
            ]
        }
    }

    @Test(
        "two plugins call each other, waiting or with a callback, and neither waits for ever",
        arguments: ["__call__", "later"], [0, 1, 2, 7])
    func pingPong(method: String, depth: Int) async throws {
        try await TestHost.run(plugins: try Self.pingPong) { host in
            let expected = (0...depth).map { $0 % 2 == 0 ? "ping" : "pong" }.joined(separator: " ")
            let answer = try await host.http.call("ping", method, "\(depth)")
            #expect(answer.status == 200)
            #expect(answer.text == expected)
            let handle = try host.host.handle("ping").options(methodName: method)
            #expect(try await handle.remote("\(depth)").text() == expected)
        }
    }

    @Test("many callers at once get their own answers", arguments: ["__call__", "later"])
    func concurrent(method: String) async throws {
        try await TestHost.run(plugins: try Self.pingPong) { host in
            let handle = try host.host.handle("ping").options(methodName: method)
            try await withThrowingTaskGroup(of: Void.self) { group in
                // As many as both have threads for: more could wait for each other until the deadline.
                for depth in 0..<4 {
                    group.addTask {
                        for _ in 0..<50 {
                            let text = try await handle.remote("\(depth)").text()
                            #expect(text.split(separator: " ").count == depth + 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a circle of calls is cut by the deadline of the first", arguments: [1, 8])
    func circle(concurrency: Int) async throws {
        let manifest = "max_concurrent_queries: \(concurrency)\nrequest_timeout: 300ms"
        try await TestHost.run(
            plugins: try Self.pingPong, manifests: ["ping": manifest, "pong": manifest]
        ) { host in
            let answer = try await host.http.call("ping", "forever")
            #expect(answer.status == 504)
            for name in ["ping", "pong"] {
                let status = try await host.wait(for: name) {
                    $0.calls.running == 0 && $0.calls.waiting == 0
                }
                #expect(status.replacedReplicas == 0, "no replica hangs over it")
                #expect(try await host.http.call(name, nil, "0").text == name)
            }
        }
    }

    @Test("a caller that goes away ends the calls that were made for it")
    func cancellation() async throws {
        let plugins = [
            "libcalls.so": try Self.calls("calls", to: "waits"),
            "libwaits.so": try Fixture.library("waits"),
        ]
        try await TestHost.run(plugins: plugins) { host in
            let answer = try host.host.handle("calls").options(methodName: "wrap")
                .remote(host.directory.file("never"))
            _ = try await host.wait(for: "waits") { $0.calls.running == 1 }
            answer.cancel()
            _ = try await host.wait(for: "waits") { $0.calls.running == 0 }
            _ = try await host.wait(for: "calls") { $0.calls.running == 0 }
        }
    }

    @Test("the callee sees a handle, what it was given, and the parent's request id")
    func metadata() async throws {
        let plugins = [
            "libcalls.so": try Self.calls("calls", to: "echo"),
            "libecho.so": Repository.product("libecho.so"),
        ]
        try await TestHost.run(plugins: plugins) { host in
            let answer = try await host.http.call(
                "calls", "describe", "headers", headers: ["X-Request-ID": "outer-1"])
            let json = try #require(
                try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
            #expect(json["origin"] as? String == "handle")
            #expect(json["method"] as? String == "PUT")
            #expect(json["path"] as? String == "/echo")
            #expect(json["query"] as? String == "a=b&a=c")
            #expect(json["request_id"] as? String == "outer-1")
            #expect("\(json["headers"] ?? "")".contains("x-from"))
        }
    }

    @Test("a web request is passed on unwrapped, by an option")
    func forward() async throws {
        let plugins = [
            "libcalls.so": try Self.calls("calls", to: "serve_request"),
            "libserve_request.so": try Fixture.library("serve_request"),
        ]
        try await TestHost.run(plugins: plugins) { host in
            for (method, expected) in [
                ("origin", "http"), ("method", "POST"), ("path", "/calls"),
                ("query_params", "q=1"), ("request_id", "outer-2"), ("body", "body"),
            ] {
                let answer = try await host.http.send(
                    "POST", "/calls?q=1",
                    headers: ["X-SERVE-CALL-METHOD": "forward", "X-Request-ID": "outer-2"],
                    body: method)
                #expect(answer.text == expected)
            }
        }
    }

    @Test("a native object goes from plugin to plugin, and comes back")
    func native() async throws {
        let plugins = [
            "libcalls.so": try Self.calls("calls", to: "serve_request"),
            "libserve_request.so": try Fixture.library("serve_request"),
        ]
        try await TestHost.run(plugins: plugins) { host in
            #expect(try await host.http.call("calls", "native", "as it is").text == "as it is")
            try await Eventually.true {
                try await host.http.call("calls", "released").text == "1"
            }
        }
    }

    @Test("an INLINE method may not wait, and is told so")
    func inline() async throws {
        try await TestHost.run(plugins: try Self.pingPong) { host in
            // 9: FAILED_PRECONDITION.
            #expect(try await host.http.call("ping", "inline", "0").text == "9")
            let handle = try host.host.handle("ping").options(methodName: "inline")
            #expect(try await handle.remote("0").text() == "9")
        }
    }

    @Test("calls that break the contract are refused, counted, and survived")
    func misuses() async throws {
        try await TestHost.run(plugins: try Self.pingPong) { host in
            // 3: INVALID_ARGUMENT.
            #expect(try await host.http.call("ping", "misuses").text == "3 3 3 3 3")
            let status = try #require(try await host.status(of: "ping"))
            #expect(status.calls.misuses == 6, "the five, and closing twice")
            #expect(try await host.http.call("ping", nil, "1").text == "ping pong")
        }
    }

    @Test("a handle to no endpoint is refused, or waits until the deadline")
    func missing() async throws {
        try await TestHost.run(plugins: try Self.pingPong) { host in
            let answer = try await host.http.call("ping", "missing")
            #expect(answer.status == 504)
            #expect(answer.text.contains("no endpoint nowhere"))
        }
    }

    @Test("a handle finds its endpoint across reloads of both plugins")
    func reloads() async throws {
        try await TestHost.run(plugins: try Self.pingPong) { host in
            for name in ["ping", "pong", "pong", "ping"] {
                _ = try await host.operations.reload(name)
                #expect(try await host.http.call("ping", nil, "2").text == "ping pong ping")
            }
        }
    }
}
