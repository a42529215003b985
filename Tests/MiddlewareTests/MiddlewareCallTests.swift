import Backplane
import HostDispatch
import TestSupport
import Testing

/// What stages around a backend do to its calls, in a real host.
@Suite struct MiddlewareCallTests {
    private static let plugins = [
        "libecho.so": Repository.product("libecho.so")
    ]

    @Test(
        "the time in which the host packs an answer is not an INLINE method's",
        .enabled(if: Sanitizer.current == nil, "a sanitizer makes the method long"))
    func inlineBudget() async throws {
        try await TestHost.run(
            plugins: Self.plugins, manifests: ["echo": "middleware: [compression: {level: 9}]"]
        ) { host in
            // Long to pack, for it has few repetitions.
            var random = SeededGenerator(seed: 1)
            let text = String(
                (0..<200_000).map { _ in "abcdefgh ijklmnop\n".randomElement(using: &random)! })
            for _ in 0..<20 {
                let answer = try await host.http.call(
                    "echo", "inline", text,
                    headers: ["Content-Type": "text/plain", "Accept-Encoding": "gzip"])
                #expect(answer.headers["content-encoding"] == "gzip")
            }
            #expect(host.log.count(containing: "is marked INLINE") == 0)
        }
    }

    @Test(
        "the method that is called is what the stages around a backend leave",
        arguments: [
            ("remove: [x-serve-call-method]", "upper", "abc"),
            ("remove: [X-SERVE-CALL-METHOD, x-other]", nil, "abc"),
            ("set: {X-Serve-Call-Method: upper}", nil, "ABC"),
            ("set: {X-Serve-Call-Method: upper}", "inline", "ABC"),
            ("remove: [X-SERVE-CALL-METHOD], set: {X-SERVE-CALL-METHOD: upper}", "inline", "ABC"),
            ("remove: [x-other]", "upper", "ABC"),
        ])
    func method(changes: String, sent: String?, text: String) async throws {
        try await TestHost.run(
            plugins: Self.plugins,
            manifests: ["echo": "middleware: [headers: {request: {\(changes)}}]"]
        ) { host in
            let answer = try await host.http.call("echo", sent, "abc", headers: ["x-other": "1"])
            #expect(answer.text == text)
        }
    }

    @Test("a handle's method is not a header's, and stays when one is removed")
    func handlesMethod() async throws {
        try await TestHost.run(
            plugins: Self.plugins,
            manifests: [
                "echo": "middleware: [headers: {request: {remove: [x-serve-call-method, x-a]}}]"
            ]
        ) { host in
            let handle = try host.host.handle("echo")
                .options(methodName: "upper", httpHeaders: ["x-a": "1"])
            #expect(try await handle.remote("abc").text() == "ABC")
        }
    }
}
