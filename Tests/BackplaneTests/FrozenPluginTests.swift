import Backplane
import Foundation
import HostCore
import TestSupport
import Testing

/// A plugin that uses all of ABI 1.0, built against several headers, is served by this host.
@Suite struct FrozenPluginTests {
    private static let folder = "Tests/Fixtures/abi-1.0"

    #if arch(x86_64)
    /// No compiler that comes later can mend what breaks here.
    @Test(
        "the binary that was built when ABI 1.0 was frozen works",
        .enabled(if: Sanitizer.current == nil))
    func binary() async throws {
        try await Self.use(Repository.path("\(Self.folder)/everything-x86_64.so"))
    }
    #endif

    @Test("a plugin works that is built against the headers of ABI 1.0 as they were frozen")
    func frozenHeaders() async throws {
        try await Self.use(headers: Repository.path("\(Self.folder)/include"))
    }

    @Test("a plugin of ABI 1.0 works when it is built against the headers of today")
    func headersOfToday() async throws {
        try await Self.use(headers: Repository.path("Sources/PluginABI/include"))
    }

    @Test("a plugin works that is built against headers in which each struct has grown that may")
    func grownHeaders() async throws {
        let directory = try TemporaryDirectory()
        try GrownHeaders.write(to: directory)
        try await Self.use(headers: directory.path, defines: ["NEWER"])
    }

    private static func use(headers: String, defines: [String] = []) async throws {
        let directory = try TemporaryDirectory()
        let library = directory.file("libeverything.so")
        // Before the headers of today, which the fixtures are compiled with.
        try Fixture.compile(
            source: Repository.path("\(folder)/everything.c"), to: library,
            options: ["-iquote", headers] + defines.map { "-D\($0)" })
        try await use(library)
        withExtendedLifetime(directory) {}
    }

    // MARK: All of it

    private static func use(_ library: String) async throws {
        let plugins = [
            "libeverything.so": library, "libecho.so": Repository.product("libecho.so"),
            "libmetadata.so": try Fixture.library("metadata"),
        ]
        let manifest = "user_config: 7\nmax_batch_size: 8\nbatch_wait_timeout: 1ms"
        try await TestHost.run(plugins: plugins, manifests: ["everything": manifest]) { host in
            try await useMethods(host)
            try await useHost(host)
            try await useHandles(host)
            try await useState(host)
            try await useStage(host)
            let sizes = try await host.http.call("everything", "newer")
            #expect(sizes.text == "as in 1.0")
            #expect(host.log.count(containing: "breaks the contract") == 0)
        }
    }

    private static func useMethods(_ host: TestHost) async throws {
        #expect(try await host.http.call("everything", nil, "hi").text == "hi")
        #expect(try await host.http.call("everything", "add", #"{"number": 4}"#).text == "4")
        let created = try await host.http.call("everything", "created")
        #expect(created.status == 201 && created.headers["location"] == "/here")
        let failure = try await host.http.call("everything", "fails")
        #expect(failure.status == 404 && failure.text.contains("not here"))
        let details = try await host.http.call("everything", "fails_with")
        #expect(details.status == 422 && details.headers["x-why"] == "because")
        #expect(details.text.contains("not so") && details.text.contains(#""details":[1]"#))
        #expect(try await host.http.call("everything", "streams").text == "part part end")
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<4 {
                group.addTask { try await host.http.call("everything", "batch", "abc").text }
            }
            for try await text in group { #expect(text == "in a batch") }
        }
    }

    private static func useHost(_ host: TestHost) async throws {
        let described = try await host.http.send(
            "POST", "/everything?q=1",
            headers: ["X-SERVE-CALL-METHOD": "describe", "X-Request-ID": "the-id"])
        #expect(described.text == "1 POST /everything q=1 the-id 127.0.0.1 http 1")
        #expect(try await host.http.call("everything", "logs").text == "enabled")
        #expect(
            host.log.text.contains {
                $0.contains("everything logs") && $0.contains("colour=blue")
                    && $0.contains("request_id=")
            })
        let directory = host.pluginsDirectory
        let place = try await host.http.call("everything", "place")
        #expect(
            place.text == """
                0 \(directory)/libeverything.so \(directory) \(directory)/everything.yaml \
                \(directory).data/everything
                """)
    }

    private static func useHandles(_ host: TestHost) async throws {
        #expect(try await host.http.call("everything", "call", "hi").text == "hi")
        #expect(try await host.http.call("everything", "start", "hi").text == "HI")
        // NOT_FOUND; and two objects that have come back.
        try await Eventually.true {
            try await host.http.call("everything", "native").text == "5 2"
        }
    }

    private static func useState(_ host: TestHost) async throws {
        #expect(try await host.http.call("everything", "state").text == "4 1 1 7")
        _ = try await host.operations.reload("everything")
        #expect(try await host.http.call("everything", "state").text == "4 1 1 7")
        try host.writeManifest("everything", "user_config: 8")
        try await Eventually.true {
            try await host.http.call("everything", "state").text == "4 1 1 8"
        }
    }

    private static func useStage(_ host: TestHost) async throws {
        _ = try await host.operations.apply("middleware: [{everything: {a: 1}}]")
        let own = try await host.http.call("echo", headers: ["x-step": "respond"])
        #expect(own.status == 418 && own.text == "short")
        let refusal = try await host.http.call("echo", headers: ["x-step": "fail"])
        #expect(refusal.status == 401 && refusal.text.contains("who are you?"))
        let page = try await host.http.call("echo", headers: ["x-step": "fail_with"])
        #expect(page.status == 451 && page.text == "never")
        let changed = try await host.http.call(
            "nowhere", headers: ["x-step": "change", "x-remove": "1"])
        let lines = changed.text.split(separator: "\n")
        for line in ["x-set=1", "x-set=2", "path=/metadata", "query=b=2"] {
            #expect(lines.contains(line[...]), "\(line)")
        }
        #expect(!changed.text.contains("x-remove"))
        #expect(changed.headers["x-staged"] == "200 0 1")
        let halved = try await host.http.call(
            "everything", nil, "swapswap", headers: ["x-step": "halve"])
        #expect(halved.text == "swapped")
        #expect(try await host.http.call("nothing").headers["x-staged"] == "404 1 1")
        try await Eventually.true { host.log.count(containing: "everything ended") == 1 }
    }
}
