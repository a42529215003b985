import TestSupport
import Testing

/// Runs at most a few of the tests at once: each has a host of its own, and some look at the clock.
struct Throttled: SuiteTrait, TestTrait, TestScoping {
    private static let turns = Turns(count: 4)

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: () async throws -> Void
    ) async throws {
        // A suite, or a test with arguments, takes no turn; its cases do.
        guard testCase != nil else { return try await function() }
        await Self.turns.take()
        defer { Self.turns.giveBack() }
        try await function()
    }
}

extension Trait where Self == Throttled {
    static var throttled: Throttled { Throttled() }
}
