/// The HTTP listener and its limits.
package struct IngressSettings: Sendable {
    package var host = "127.0.0.1"
    /// 0: any free port.
    package var port = 8000
    /// Connections at once; one more is answered 503 and closed.
    package var maxConnections = 10_000
    /// The largest request body, in bytes.
    package var maxBodySize = 16 << 20
    /// Bytes of request bodies that all connections together may hold.
    package var maxBufferedBodies = 256 << 20
    /// The largest request head, in bytes: the sum of all header names and values; and the largest target.
    package var maxHeaderSize = 32 << 10
    /// Header fields in one request, its trailers among them.
    static let maxHeaderCount = 256
    /// How long a connection may be open without a request.
    package var idleTimeout: Duration = .seconds(60)
    /// How long a request may take to arrive, from its first byte; each ``minimumRate`` bytes of it earn a second
    /// more. A client that takes less of its response than that, over this time, is given up.
    package var transferTimeout: Duration = .seconds(20)
    /// Bytes per second below which a transfer counts as stalled.
    package var minimumRate = 1_024
    /// How long connections may take to finish their requests when the host shuts down.
    package var shutdownTimeout: Duration = .seconds(20)
    /// Threads that do I/O.
    package var eventLoopCount = 1

    package init() {}
}
