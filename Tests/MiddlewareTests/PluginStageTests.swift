import Backplane
import Foundation
import HostCore
import HostDeployment
import TestSupport
import Testing

/// Middleware in a real library, around a host with a real listener.
@Suite struct PluginStageTests {
    // MARK: Requests

    @Test("a plugin's stage sees a request and changes it, and the head of its answer")
    func changes() async throws {
        try await TestHost.run(stage: "stage", options: "{a: [1, x]}") { host in
            let answer = try await host.http.send(
                "POST", "/metadata?a=1", headers: ["X-Remove": "1", "X-Add": "1"], body: "body")
            let lines = answer.text.split(separator: "\n").map(String.init)
            #expect(lines.contains(#"x-seen=POST /metadata a=1 no body {"a":[1,"x"]}@"#))
            #expect(lines.contains("x-add=1") && lines.contains("x-add=2"))
            #expect(!answer.text.contains("x-remove"))
            #expect(answer.headers["x-answer"]?.hasPrefix("1 200 success") == true)
            #expect(answer.headers["content-type"] == "text/x-staged")
        }
    }

    @Test("a plugin's stage in the host's chain decides the route")
    func target() async throws {
        try await TestHost.run(stage: "stage") { host in
            let answer = try await host.http.send(
                "POST", "/nowhere?a=1", headers: ["x-step": "target"])
            let lines = answer.text.split(separator: "\n")
            #expect(answer.status == 200)
            #expect(lines.contains("path=/metadata") && lines.contains("query=b=2"))
        }
    }

    @Test("a plugin's stage answers or refuses by itself, and then sees no answer")
    func ownAnswers() async throws {
        try await TestHost.run(stage: "stage") { host in
            let answer = try await host.http.call("echo", headers: ["x-step": "answer"])
            #expect((answer.status, answer.text) == (418, "short"))
            #expect(answer.headers["x-own"] == "1")
            #expect(answer.headers["x-answer"] == nil)
            let refusal = try await host.http.call("echo", headers: ["x-step": "fail"])
            #expect(refusal.status == 401)
            #expect(refusal.text.contains("who are you?"))
            #expect(refusal.headers["content-type"] == "application/problem+json")
            #expect(host.log.count(containing: "ended") == 0)
        }
    }

    @Test("a plugin's stage decides later, from a thread of its own")
    func later() async throws {
        try await TestHost.run(stage: "stage") { host in
            let answer = try await host.http.call("metadata", headers: ["x-step": "later"])
            #expect(answer.text.contains("x-later=yes"))
            try await Eventually.true { host.log.count(containing: "ended 0") == 1 }
        }
    }

    @Test("errors pass a plugin's stage on their way out, and stay problems")
    func errors() async throws {
        try await TestHost.run(stage: "stage") { host in
            let answer = try await host.http.call("nowhere")
            #expect(answer.status == 404)
            #expect(answer.headers["x-answer"] == "1 404 error application/problem+json")
            #expect(answer.headers["content-type"] == "application/problem+json")
            // NOT_FOUND.
            try await Eventually.true { host.log.count(containing: "ended 5") == 1 }
        }
    }

    @Test("a plugin's stage that reads bodies sees and replaces them, whole ones and pieces")
    func bodies() async throws {
        try await TestHost.run(stage: "stage", defines: ["READS_BODY"]) { host in
            #expect(try await host.http.call("echo", nil, "abc").text == "0![ABC]")
            #expect(try await host.http.call("echo").text == "0![]")
            try Fixture.place(
                try Fixture.library("streams"), as: "libstreams.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "streams") { $0.state == .serving }
            let stream = try await host.http.call("streams", nil, "2")
            #expect(stream.text == "0[part 0\n]1[part 1\n]2![end\n]")
            let broken = try RawSocket(port: host.port)
            try broken.send(
                "POST /streams HTTP/1.1\r\nhost: a\r\nx-serve-call-method: breaks\r\n"
                    + "content-length: 0\r\n\r\n")
            #expect(!broken.receive().contains("!["))
            // INTERNAL.
            try await Eventually.true { host.log.count(containing: "ended 13") == 1 }
        }
    }

    @Test("a plugin's stage stands around a backend, by a manifest")
    func aroundBackend() async throws {
        try await TestHost.run(
            plugins: [
                "libstage.so": try Fixture.library("stage"),
                "libmetadata.so": try Fixture.library("metadata"),
                "libecho.so": Repository.product("libecho.so"),
            ],
            manifests: ["metadata": "middleware: [stage]"]
        ) { host in
            _ = try await host.wait(for: "stage") { $0.middlewareOf == ["backend metadata"] }
            let answer = try await host.http.call("metadata", nil, "body")
            #expect(answer.text.contains("x-seen=POST /metadata  no body null@metadata"))
            #expect(try await host.http.call("echo").headers["x-answer"] == nil)
        }
    }

    // MARK: Plugins that are middleware

    @Test("a library may be middleware only, or have methods, too")
    func methods() async throws {
        let library = try Fixture.library("stage")
        let both = try Fixture.library("stage", defines: ["METHODS"])
        try await TestHost.run(plugins: ["libstage.so": library, "libboth.so": both]) { host in
            try await host.apply("middleware: [both, stage: {}]")
            let status = try #require(try await host.status(of: "stage"))
            #expect(status.state == .serving && status.reason == nil)
            #expect(status.methods == [] && status.backends == [] && status.route == nil)
            #expect(status.middlewareOf == ["the host"])
            #expect(try await host.http.call("stage").status == 404)
            #expect(try await host.http.call("both").text == "both")
            let listed = try await host.http.send("GET", "/-/routes").text
            #expect(listed.contains("/both") && !listed.contains("/stage"))
        }
    }

    @Test("a backend can't be made of a library without methods, and says so")
    func noBackend() async throws {
        try await TestHost.run(stage: "stage") { host in
            let error = await #expect(throws: (any Error).self) {
                try await host.apply("backends: {b: {plugin: stage}}")
            }
            let refusal = try #require(error as? ControlError)
            #expect(refusal.message.contains("stage has no methods"))
            let status = try await host.status(of: "stage")
            #expect(status?.state == .serving)
        }
    }

    @Test("the example rewrites a path and adds a header, in the host's chain and after a reload")
    func example() async throws {
        let source = Repository.path("Examples/RewriteMiddleware/rewrite.c")
        let directory = try TemporaryDirectory()
        let libraries = try ["1.0.0", "1.1.0"].map { version in
            let library = directory.file("librewrite-\(version).so")
            try Fixture.compile(
                source: source, to: library, options: ["-DREWRITE_VERSION=\"\(version)\""])
            return library
        }
        try await TestHost.run(
            plugins: [
                "librewrite.so": libraries[0], "libmetadata.so": try Fixture.library("metadata"),
            ]
        ) { host in
            try await host.apply("middleware: [rewrite: {prefix: /v1}]")
            let answer = try await host.http.call("v1/metadata")
            #expect(answer.status == 200)
            #expect(answer.headers["x-rewritten-by"] == "rewrite 1.0.0")
            #expect(answer.text.contains("path=/metadata\n"))
            #expect(answer.text.contains("x-original-path=/v1/metadata"))
            #expect(try await host.http.call("metadata").headers["x-rewritten-by"] == nil)
            #expect(try await host.http.call("v1beta/metadata").status == 404)

            try Fixture.place(libraries[1], as: "librewrite.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "rewrite") { $0.version == "1.1.0" }
            let next = try await host.http.call("v1/metadata")
            #expect(next.headers["x-rewritten-by"] == "rewrite 1.1.0")

            let refusal = await #expect(throws: (any Error).self) {
                try await host.apply("middleware: [rewrite: {prefix: v1}]")
            }
            #expect("\(String(describing: refusal))".contains("a prefix that begins with /"))
            #expect(try await host.http.call("v1/metadata").status == 200)
        }
    }
}
