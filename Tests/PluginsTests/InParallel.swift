import HostCore
import TestSupport

/// Runs blocking work on several threads of its own at once.
enum InParallel {
    /// - Returns: what each thread's `body` returned, in no order.
    static func run<Value: Sendable>(
        threads: Int, _ body: @escaping @Sendable (Int) throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: Value.self) { group in
            for thread in 0..<threads {
                group.addTask {
                    try await withCheckedThrowingContinuation { continuation in
                        PluginThread.start(name: "test-\(thread)") {
                            continuation.resume(with: Result { try body(thread) })
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
