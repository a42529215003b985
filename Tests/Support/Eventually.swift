/// Waits for what happens in its own time: looks again and again, and gives up with an error.
package enum Eventually {
    package struct TimedOut: Error {}

    /// Sanitizers make everything slower.
    private static let patience = Sanitizer.current == nil ? 1 : 5
    private static let leastLooks = 300

    /// The first value that is not nil.
    package static func value<Value: Sendable>(
        within timeout: Duration = .seconds(20), _ look: () async throws -> Value?
    ) async throws -> Value {
        let end = ContinuousClock.now + timeout * patience
        var looks = 0
        while true {
            if let value = try await look() { return value }
            looks += 1
            // A machine that is so busy that the test hardly runs gives the rest no time either.
            guard ContinuousClock.now < end || looks < leastLooks else { throw TimedOut() }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    package static func `true`(
        within timeout: Duration = .seconds(20), _ look: () async throws -> Bool
    ) async throws {
        let _: Bool = try await value(within: timeout) { try await look() ? true : nil }
    }
}
