import Backplane
import HTTPTypes
import HostDeployment
import HostForms
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// The program's middleware in chains that a configuration describes.
@Suite struct ProgramMiddlewareConfigurationTests {
    struct Quota: Codable {
        struct Key: Codable { var header: String }
        var calls: Int
        var key: Key?
    }

    private static func offerQuota(_ configuration: inout HostConfiguration) {
        configuration.addMiddleware("quota", options: Quota.self) { quota in
            let left = NIOLockedValueBox(quota.calls)
            return InlineMiddleware(name: "quota") { request, next in
                let isLeft = left.withLockedValue { left in
                    left -= 1
                    return left >= 0
                }
                guard isLeft else { throw StageRefusal(.tooManyRequests, "no calls are left") }
                return try await next(request)
            }
        }
    }

    @Test("a configuration puts it into a chain with its options")
    func configured() async throws {
        try await TestHost.run(
            plugins: try Fixture.besideEcho(),
            manifests: ["echo": "middleware:\n  - quota: {calls: 2, key: {header: x-key}}\n"],
            configure: Self.offerQuota
        ) { host in
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(try await host.http.call("echo").status) }
            #expect(statuses == [200, 200, 429])
            let chain = try #require(
                await host.operations.middleware().first { $0.backend == "echo" })
            #expect(chain.stages.map(\.name) == ["quota"])
            #expect(chain.stages[0].options == ["calls": 2, "key": ["header": "x-key"]])
            #expect(chain.stages[0].calls == 3 && chain.stages[0].errors == 1)
        }
    }

    @Test(
        "options that it has not, or that it can't decode, are errors at their line",
        arguments: [
            (
                "quota: {calls: 2, cals: 3}",
                "2:23: middleware[0].quota has no key cals; did you mean calls?"
            ),
            ("quota: {calls: two}", "2:20: middleware[0].quota.calls can't be used: "),
            ("quota: {}", "2:12: middleware[0].quota has no calls, which is required"),
            ("quota: {calls: 1, key: {haeder: a}}", "2:28: middleware[0].quota.key has no header"),
            ("quote: {calls: 1}", "2:5: there is no middleware stage quote; did you mean quota?"),
        ])
    func mistakes(stage: String, error: String) async throws {
        try await TestHost.run(plugins: try Fixture.besideEcho(), configure: Self.offerQuota) {
            host in
            let failure = await #expect(throws: (any Error).self) {
                _ = try await host.operations.apply(
                    "middleware:\n  - \(stage)\n", file: "b.yaml")
            }
            let told = try "\(#require(failure))"
            #expect(told.contains("b.yaml:\(error)"), "\(told)")
        }
    }
}
