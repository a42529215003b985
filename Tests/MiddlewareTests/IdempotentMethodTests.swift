import TestSupport
import Testing

/// Calls that a plugin says may be made again.
@Suite struct IdempotentMethodTests {
    @Test("retry repeats a POST of an idempotent method, and of no other one")
    func retries() async throws {
        let manifest = """
            num_replicas: 2
            middleware: [retry: {attempts: 2, backoff: 1us, budget: 1}]
            """
        try await TestHost.run(
            plugins: ["libfirst_fails.so": try Fixture.library("first_fails")],
            manifests: ["first_fails": manifest]
        ) { host in
            for _ in 0..<40 {
                let again = try await host.http.call("first_fails", "again")
                #expect(again.text == "1")
            }
            try await Eventually.true {
                try await host.http.call("first_fails").status == 503
            }
        }
    }
}
