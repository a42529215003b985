internal import Logging
internal import ServiceLifecycle

extension BackplaneHost {
    /// Serves for as long as `body` runs, then shuts down as ``run()`` does: for programs that are not made of
    /// services.
    ///
    /// - Parameter body: called when the first request can be answered and handles reach their endpoints.
    /// - Returns: what `body` returns, after the host has shut down.
    /// - Throws: what `body` throws, or else what ``run()`` throws.
    nonisolated(nonsending) public func run<Value>(
        while body: nonisolated(nonsending) (Addresses) async throws -> Value
    ) async throws -> Value {
        // Bound: one value.
        let (listening, announce) = AsyncStream<Addresses>.makeStream()
        let host = BackplaneHost(self, alsoTelling: { announce.yield($0) })
        let group = ServiceGroup(
            services: [host], logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        let running = Task {
            defer { announce.finish() }
            try await group.run()
        }
        return try await withTaskCancellationHandler {
            for await addresses in listening {
                let result: Result<Value, any Error>
                do {
                    result = .success(try await body(addresses))
                } catch {
                    result = .failure(error)
                }
                await group.triggerGracefulShutdown()
                let end = await running.result
                let value = try result.get()
                try end.get()
                return value
            }
            // It has ended before it listened: with an error, or because the task was cancelled.
            try await running.value
            throw CancellationError()
        } onCancel: {
            running.cancel()
        }
    }
}
