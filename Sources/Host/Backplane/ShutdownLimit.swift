internal import ServiceLifecycle

/// Bounds what happens after a graceful shutdown was asked for.
enum ShutdownLimit {
    struct Exceeded: Error {}

    /// Runs `body`, and stops waiting for it when a graceful shutdown takes longer than `limit`: a plugin that hangs
    /// can't be ended, and must not keep the process.
    ///
    /// - Throws: what `body` throws; ``Exceeded`` when it was left behind; `CancellationError`.
    static func run(
        within limit: Duration, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        // Bound: one value of each of two tasks.
        let (ends, end) = AsyncStream<Result<Void, any Error>>.makeStream()
        try await withGracefulShutdownHandler {
            Task {
                do {
                    end.yield(.success(try await body()))
                } catch {
                    end.yield(.failure(error))
                }
            }
            for await result in ends { return try result.get() }
            throw CancellationError()
        } onGracefulShutdown: {
            Task {
                try? await Task.sleep(for: limit)
                end.yield(.failure(Exceeded()))
            }
        }
    }
}
