import Foundation

/// A thread for what blocks for long: the tests and their hosts share two that must not.
package enum OwnThread {
    /// Runs `body` on a thread of its own, and waits for it without blocking.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result(catching: body)) }.start()
        }
    }
}
