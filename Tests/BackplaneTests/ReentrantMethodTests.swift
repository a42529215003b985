import TestSupport
import Testing

/// `shares` watches what runs at once on its instance.
@Suite struct ReentrantMethodTests {
    private func run(_ body: (TestHost) async throws -> Void) async throws {
        try await TestHost.run(
            plugins: ["libshares.so": try Fixture.library("shares")],
            manifests: ["shares": "{max_concurrent_queries: 4, health_check_period: 5ms}"]
        ) { try await body($0) }
    }

    /// What calls answer, of which 16 at most are made at once.
    private func answers(
        _ count: Int, _ call: @escaping @Sendable (Int) async throws -> String
    ) async throws -> [String] {
        try await withThrowingTaskGroup(of: String.self) { group in
            var answers: [String] = []
            for index in 0..<count {
                if index >= 16, let answer = try await group.next() { answers.append(answer) }
                group.addTask { try await call(index) }
            }
            return try await group.reduce(into: answers) { $0.append($1) }
        }
    }

    @Test("re-entrant methods run together, as many as max_concurrent_queries says")
    func together() async throws {
        try await run { host in
            let answers = try await answers(4) { _ in
                try await host.http.call("shares", "together", "4").text
            }
            #expect(answers == ["4", "4", "4", "4"])
        }
    }

    @Test("nothing runs beside a method that is not re-entrant, or beside the health check")
    func alone() async throws {
        try await run { host in
            let answers = try await answers(400) { index in
                index % 3 == 0
                    ? try await host.http.call("shares").text
                    : try await host.http.call("shares", "together", "1").text
            }
            #expect(answers.filter { $0 == "alone" }.count == 134)
            #expect(answers.allSatisfy { $0 == "alone" || (1...4).contains(Int($0) ?? 0) })
            #expect(try await host.http.call("shares", "overlaps").text == "0")
        }
    }
}
