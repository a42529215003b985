import Backplane
import TestSupport
import Testing

/// What a plugin is told of who calls it.
@Suite struct CallerIdentityTests {
    private static let auth = "auth: {bearer: {tokens: {ann: wonder}}}"
    private static let token = ["Authorization": "Bearer wonder"]

    private static func run(
        manifests: [String: String] = [:], _ body: (TestHost) async throws -> Void
    ) async throws {
        let plugins = [
            "libmetadata.so": try Fixture.library("metadata"),
            "libcalls.so": try Fixture.library("calls", defines: ["OTHER=\"metadata\""]),
        ]
        try await TestHost.run(plugins: plugins, manifests: manifests, body)
    }

    @Test("without auth the subject is empty, whatever a client claims")
    func claimed() async throws {
        try await Self.run { host in
            let answer = try await host.http.call(
                "metadata", "who", headers: ["X-Auth-Subject": "root"])
            #expect(answer.text == "127.0.0.1 http ")
        }
    }

    @Test("the subject that auth found reaches the plugin, from the host's chain and a backend's")
    func found() async throws {
        try await Self.run { host in
            try await host.apply("middleware: [{\(Self.auth)}]")
            let answer = try await host.http.call("metadata", "who", headers: Self.token)
            #expect(answer.text == "127.0.0.1 http ann")
            // Of the host's chain, through that of a backend.
            try host.writeManifest(
                "metadata", "middleware: [{headers: {request: {set: {x-new: a}}}}]")
            try await Eventually.true {
                try await host.http.call("metadata", headers: Self.token).text
                    .contains("x-new=a")
            }
            let second = try await host.http.call("metadata", "who", headers: Self.token)
            #expect(second.text == "127.0.0.1 http ann")
        }
        try await Self.run(manifests: ["metadata": "middleware: [{\(Self.auth)}]"]) { host in
            let answer = try await host.http.call("metadata", "who", headers: Self.token)
            #expect(answer.text == "127.0.0.1 http ann")
        }
    }

    @Test("a call that a handle forwards has the caller's identity, another one has none")
    func forwarded() async throws {
        try await Self.run { host in
            try await host.apply("middleware: [{\(Self.auth)}]")
            let forwarded = try await host.http.call("calls", "forward", "who", headers: Self.token)
            #expect(forwarded.text == "127.0.0.1 http ann")
            let described = try await host.http.call(
                "calls", "describe", "who", headers: Self.token)
            #expect(described.text == "  ")
        }
    }
}
