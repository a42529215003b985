internal import NIOCore

/// Whether a body goes on arriving, which matters while others have no room. Pure: no clock, no socket.
struct UploadProgress {
    /// How long a client may take for what comes next.
    private static let interval: TimeAmount = .seconds(5)

    private var start: NIODeadline
    private var size = 0

    init(start: NIODeadline) {
        self.start = start
    }

    /// - Parameters:
    ///   - size: how many bytes there are by now.
    ///   - minimumRate: bytes per second.
    /// - Returns: whether fewer than that have come since the last time that this was found out.
    mutating func hasStalled(size: Int, minimumRate: Int, at now: NIODeadline) -> Bool {
        let elapsed = now - start
        guard elapsed >= Self.interval else { return false }
        let least = Int64(minimumRate) * (elapsed.nanoseconds / 1_000_000) / 1_000
        guard size - self.size >= least else { return true }
        (start, self.size) = (now, size)
        return false
    }
}
