import Backplane
import Foundation
import HostCore
import HostDeployment
import NIOCore
import TestSupport
import Testing

/// Copies of calls that go to another backend, and what the caller notices of that: nothing.
@Suite struct ShadowTests {
    /// `echo`, and a plugin that is to be its shadow.
    private static func withShadow(
        _ fixture: String, defines: [String] = [], manifest: String = "", share: Double = 1,
        _ body: @escaping (TestHost, Handle) async throws -> Void
    ) async throws {
        let plugins = [
            "libecho.so": Repository.product("libecho.so"),
            "libdark.so": try Fixture.library(fixture, defines: defines),
        ]
        try await TestHost.run(plugins: plugins, manifests: ["dark": manifest]) { host in
            try host.setEndpoint(
                "shadowed", route: "/shadowed/*", weights: ["echo": 1], shadows: ["dark": share])
            try await body(host, try host.host.handle("shadowed"))
        }
    }

    /// Waits until the shadow has finished what it was given.
    private static func idle(_ host: TestHost) async throws -> PluginStatus {
        try await host.wait(for: "dark") { $0.calls.waiting == 0 && $0.calls.running == 0 }
    }

    @Test("a shadow gets its share of the calls", arguments: [true, false])
    func share(isHTTP: Bool) async throws {
        try await Self.withShadow(
            "static_count", manifest: "max_queued_requests: 10000", share: 0.25
        ) { host, handle in
            for number in 0..<2_000 {
                if isHTTP {
                    let answer = try await host.http.call("shadowed", nil, "\(number)")
                    #expect(answer.text == "\(number)")
                } else {
                    #expect(try await handle.remote("\(number)").text() == "\(number)")
                }
            }
            _ = try await Self.idle(host)
            let count = try #require(Int(try await host.http.call("dark").text)) - 1
            // Seven standard deviations: nothing seeds this.
            #expect((365...635).contains(count))
        }
    }

    @Test("the same keys have a shadow, whoever calls")
    func keys() async throws {
        try await Self.withShadow(
            "static_count", manifest: "max_queued_requests: 10000", share: 0.25
        ) { host, handle in
            func count(_ call: (Int) async throws -> Void) async throws -> Int {
                let before = try #require(Int(try await host.http.call("dark").text))
                for number in 0..<400 { try await call(number) }
                _ = try await Self.idle(host)
                return try #require(Int(try await host.http.call("dark").text)) - before - 1
            }
            let viaHTTP = try await count { number in
                _ = try await host.http.call(
                    "shadowed", headers: ["X-SERVE-SHARD-KEY": "key-\(number)"])
            }
            let viaHandle = try await count { number in
                _ = try await handle.options(shardKey: "key-\(number)").remote().response()
            }
            #expect(viaHTTP == viaHandle)
            #expect((50...150).contains(viaHTTP))
        }
    }

    @Test(
        "the shadow is told what the backend is told, and gets the same body",
        arguments: [true, false])
    func sameCall(isHTTP: Bool) async throws {
        try await Self.withShadow("remembers") { host, handle in
            let upper = handle.options(
                methodName: "upper", httpMethod: "PUT", httpHeaders: ["X-Own": "1"],
                shardKey: "ann")
            if isHTTP {
                let answer = try await host.http.send(
                    "POST", "/shadowed/a%20b?q=1",
                    headers: [
                        "X-SERVE-CALL-METHOD": "upper", "X-SERVE-SHARD-KEY": "ann",
                        "X-Request-ID": "its-own", "Content-Type": "text/x-own", "X-Own": "1",
                    ], body: "the body")
                #expect(answer.text == "THE BODY")
            } else {
                #expect(
                    try await upper.remote("the body", query: ["q": "1"]).text() == "THE BODY")
            }
            _ = try await Self.idle(host)
            let lines = try await host.http.call("dark", "last").text.split(separator: "\n")
            var expected = [
                "method=upper", "body=the body", "query=q=1", "shard_key=ann", "x-own=1",
            ]
            expected +=
                isHTTP
                ? [
                    "origin=http", "http_method=POST", "path=/shadowed/a%20b",
                    "request_id=its-own", "content_type=text/x-own",
                ]
                : [
                    "origin=handle", "http_method=PUT", "path=/shadowed",
                    "content_type=text/plain; charset=utf-8",
                ]
            for line in expected { #expect(lines.contains(line[...]), "\(line) in \(lines)") }
        }
    }

    @Test("a shadow that hangs, with a full queue behind it, delays and fails nobody")
    func hangs() async throws {
        try await Self.withShadow(
            "waits", manifest: "{max_queued_requests: 1, request_timeout: none}"
        ) { host, handle in
            let gate = host.directory.file("gate")
            for _ in 0..<50 {
                #expect(try await host.http.call("shadowed", nil, gate).text == gate)
                #expect(try await handle.remote(gate).text() == gate)
            }
            // Every caller has its response, and the shadow is still at its first call.
            let status = try #require(try await host.status(of: "dark"))
            #expect(status.calls.running == 1)
            #expect(status.calls.waiting == 1)
            try Data().write(to: URL(fileURLWithPath: gate))
            _ = try await Self.idle(host)
            #expect(host.log.count(containing: "503") == 0)
        }
    }

    @Test("a shadow that fails, or lacks the method, fails nobody", arguments: ["breaks", "upper"])
    func fails(method: String) async throws {
        // `streams` has no `upper`; `echo` has no `breaks`, and that is the caller's own error.
        try await Self.withShadow("streams") { host, _ in
            for _ in 0..<10 {
                let answer = try await host.http.call("shadowed", method, "text")
                #expect(answer.status == (method == "upper" ? 200 : 404))
            }
            _ = try await Self.idle(host)
        }
    }

    @Test("a shadow has its own deadline")
    func deadline() async throws {
        try await Self.withShadow(
            "waits", manifest: "{request_timeout: 400ms, hang_grace: 30s}"
        ) { host, handle in
            let gate = host.directory.file("never")
            #expect(try await handle.remote(gate).text() == gate)
            let status = try await Self.idle(host)
            #expect(status.calls.lateFinishes == 1, "it saw that nobody waits, and gave up")
            #expect(status.replacedReplicas == 0)
        }
    }

    @Test("a caller that gives up, or shortens its deadline, leaves the shadow alone")
    func callersEnd() async throws {
        let plugins = [
            "libmain.so": try Fixture.library("waits"), "libdark.so": try Fixture.library("waits"),
        ]
        try await TestHost.run(plugins: plugins) { host in
            try host.setEndpoint("shadowed", weights: ["main": 1], shadows: ["dark": 1])
            let handle = try host.host.handle("shadowed")
            for gate in ["cancelled", "late"].map(host.directory.file) {
                if gate.hasSuffix("cancelled") {
                    let response = handle.remote(gate)
                    _ = try await host.wait(for: "dark") { $0.calls.running == 1 }
                    response.cancel()
                } else {
                    let error = await #expect(throws: CallError.self) {
                        try await handle.options(timeout: .milliseconds(50)).remote(gate).response()
                    }
                    #expect(error?.code == .deadlineExceeded)
                }
                _ = try await host.wait(for: "main") { $0.calls.running == 0 }
                #expect(try await host.status(of: "dark")?.calls.running == 1)
                try Data().write(to: URL(fileURLWithPath: gate))
                #expect(try await Self.idle(host).calls.lateFinishes == 0)
            }
            #expect(try await host.status(of: "main")?.calls.lateFinishes == 2)
        }
    }

    @Test("a shadow's stream goes nowhere, and waits for nobody", arguments: [true, false])
    func streams(isHTTP: Bool) async throws {
        try await Self.withShadow("floods", manifest: "request_timeout: none") { host, handle in
            // 64 MiB, of which a window for a reader would hold 256 KiB.
            let text =
                isHTTP
                ? try await host.http.call("shadowed", nil, "1024").text
                : try await handle.remote("1024").text()
            #expect(text == "1024")
            try await Eventually.true {
                try await host.http.call("dark", "progress").text == "1024 0"
            }
        }
    }

    @Test(
        "an inline method of a shadow never runs on the caller's thread", arguments: [true, false])
    func inline(isHTTP: Bool) async throws {
        try await Self.withShadow("slow_inline", manifest: "max_queued_requests: 1000") {
            host, handle in
            for _ in 0..<20 {
                if isHTTP {
                    _ = try await host.http.call("shadowed")
                } else {
                    _ = try await handle.remote().response()
                }
            }
            // On I/O threads it would have lost its place after three of its 20 ms.
            #expect(try await Self.idle(host).demotedMethods == [])
        }
    }

    @Test("a native object lives until the backend and the shadow have both finished")
    func native() async throws {
        let plugins = [
            "libmain.so": try Fixture.library("serve_request"),
            "libdark.so": try Fixture.library("remembers"),
        ]
        try await TestHost.run(plugins: plugins, manifests: ["dark": "request_timeout: none"]) {
            host in
            try host.setEndpoint("shadowed", weights: ["main": 1], shadows: ["dark": 1])
            let handle = try host.host.handle("shadowed").options(methodName: "data")
            let text = CText("as it is")
            let answer = unsafe handle.remote(
                .native(at: text.address, type: "text") { text.release() })
            #expect(try await answer.text() == "as it is")
            // `data` of the shadow keeps its call until it is told to let go.
            _ = try await host.wait(for: "dark") { $0.calls.running == 1 }
            #expect(!text.isReleased)
            #expect(try await host.http.call("dark", "let_go").text == "as it is")
            try await Eventually.true { text.isReleased }
        }
    }

    @Test("what a shadow calls has no shadows: one that calls its own endpoint comes to an end")
    func circle() async throws {
        let plugins = [
            "libcount.so": try Fixture.library("static_count"),
            "libdark.so": try Fixture.library("calls", defines: ["OTHER=\"shadowed\""]),
        ]
        try await TestHost.run(plugins: plugins) { host in
            try host.setEndpoint("shadowed", weights: ["count": 1], shadows: ["dark": 1])
            // The body tells the shadow to call on, again and again.
            let first = try await host.host.handle("shadowed").remote("6").text()
            #expect(first == "1")
            _ = try await Self.idle(host)
            #expect(
                try await host.http.call("count").text == "3", "the first, and the shadow's one")
        }
    }
}
