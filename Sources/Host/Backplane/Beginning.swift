/// Where a part of the host tells another one that it has begun, or why it hasn't.
struct Beginning<Value: Sendable>: Sendable {
    private let results: AsyncThrowingStream<Value, any Error>
    private let continuation: AsyncThrowingStream<Value, any Error>.Continuation

    init() {
        // Bound: one value, or none.
        (results, continuation) = AsyncThrowingStream.makeStream()
    }

    /// Once; what is said later goes unheard.
    func begun(_ value: Value) {
        continuation.yield(value)
        continuation.finish()
    }

    func failed(_ error: any Error) {
        continuation.finish(throwing: error)
    }

    /// Runs a part. If it ends with an error, it has not begun, or does not matter any more.
    func failing(_ part: () async throws -> Void) async throws {
        do {
            try await part()
        } catch {
            failed(error)
            throw error
        }
    }

    /// Waits for it.
    ///
    /// - Throws: why it did not begin, or `CancellationError`.
    func value() async throws -> Value {
        for try await value in results { return value }
        throw CancellationError()
    }
}
