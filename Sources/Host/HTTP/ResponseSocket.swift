internal import HostCore
internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// A connection's socket in the hands of a replica's thread that has a response: it writes that itself, so that no
/// event loop has to be woken for it.
///
/// The loop offers the socket for one call when nothing is queued on the connection, and takes it back when something
/// happens there meanwhile. A descriptor of its own: the channel may close its one, and the number be another file's,
/// while a thread writes.
///
///     idle ──offer──▶ offered ──write──▶ writing ──────▶ written
///      ▲                 │                  │ takeBack      │
///      │◀────takeBack────┘                  ▼               │
///      │◀──────the loop is told────────  watched            │
///      │◀────────────────────takeBack───────────────────────┘
///     close: closed, by the loop or by the thread that writes.
@safe final class ResponseSocket: @unchecked Sendable {
    // Sendable: `encoder`, `buffer` and `size` are touched by whoever has made the phase `writing`, and `size` by the
    // loop in `written`.

    private enum Phase: UInt8, AtomicRepresentable {
        case idle, offered, writing, watched, written, closing, closed
    }

    /// What the loop finds when it takes the socket back.
    enum Finding: Equatable {
        /// Nobody has written, nor will.
        case unused
        /// A thread is about to: it tells the loop.
        case inUse
        /// The response is with the kernel.
        case written(bytes: Int)
    }

    enum Writing {
        /// The socket was not offered any more: the response goes by the loop.
        case refused
        /// The response is with the kernel, and the loop will see it.
        case done
        /// The same, and the loop waits to be told.
        case doneAndWatched(bytes: Int)
        /// The kernel has taken a part; the loop writes the rest.
        case partly(bytes: Int, rest: ByteBuffer)
    }

    /// A buffer that has grown beyond this is not kept.
    private static let keptCapacity = 4 << 10

    private let descriptor: CInt
    private let phase = Atomic<Phase>(.idle)
    private var encoder = ResponseEncoder()
    private var buffer = ByteBuffer()
    private var size = 0

    /// - Parameter socket: the channel's.
    /// - Returns: nil when there is no descriptor left.
    init?(duplicating socket: CInt) {
        descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        if descriptor < 0 { return nil }
    }

    deinit { if phase.load(ordering: .relaxed) != .closed { Glibc.close(descriptor) } }

    // MARK: The loop

    /// Lets the thread that has the next response write it. Nothing may be queued on the connection.
    func offer() { phase.store(.offered, ordering: .releasing) }

    /// Whether a response has been written that the loop has not seen.
    var isWritten: Bool { phase.load(ordering: .relaxed) == .written }

    /// From now on the loop writes.
    func takeBack() -> Finding {
        while true {
            switch phase.load(ordering: .acquiring) {
            case .idle, .closing, .closed: return .unused
            case .offered: if replace(.offered, by: .idle) { return .unused }
            case .writing: if replace(.writing, by: .watched) { return .inUse }
            case .watched: return .inUse
            case .written:
                phase.store(.idle, ordering: .relaxed)
                return .written(bytes: size)
            }
        }
    }

    /// The connection is closed: so is this, now or when the thread has written that is about to.
    func close() {
        while true {
            switch phase.load(ordering: .acquiring) {
            case .closing, .closed: return
            case .writing: if replace(.writing, by: .closing) { return }
            case .watched: if replace(.watched, by: .closing) { return }
            case .idle: if end(.idle) { return }
            case .offered: if end(.offered) { return }
            case .written: if end(.written) { return }
            }
        }
    }

    private func end(_ current: Phase) -> Bool {
        guard replace(current, by: .closed) else { return false }
        Glibc.close(descriptor)
        return true
    }

    private func replace(_ current: Phase, by next: Phase) -> Bool {
        phase.compareExchange(
            expected: current, desired: next, ordering: .acquiringAndReleasing
        ).exchanged
    }

    // MARK: A replica's thread

    /// Writes a response that leaves the connection open, as much of it as the kernel takes at once.
    func write(_ response: CallResponse, to request: RequestHead) -> Writing {
        guard response.body.readableBytes <= ResponseEncoder.copiedBodySize,
            replace(.offered, by: .writing)
        else { return .refused }
        var bytes = ByteBuffer()
        swap(&bytes, &buffer)
        bytes.clear(minimumCapacity: 256 + response.body.readableBytes)
        encoder.encode(response, to: request, keepAlive: .implied, into: &bytes)
        let count = send(bytes)
        size = count
        guard count == bytes.readableBytes else {
            bytes.moveReaderIndex(forwardBy: count)
            endWriting()
            return .partly(bytes: count, rest: bytes)
        }
        if bytes.capacity <= Self.keptCapacity { buffer = bytes }
        if replace(.writing, by: .written) { return .done }
        endWriting()
        return .doneAndWatched(bytes: count)
    }

    /// - Returns: how many bytes the kernel has taken. What is wrong with the connection, the loop will see.
    private func send(_ bytes: ByteBuffer) -> Int {
        let count = unsafe bytes.withUnsafeReadableBytes { bytes in
            unsafe Glibc.send(
                descriptor, bytes.baseAddress, bytes.count,
                Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
        return max(0, count)
    }

    /// Gives the socket back to the loop, or closes it in its place.
    private func endWriting() {
        while true {
            switch phase.load(ordering: .acquiring) {
            case .writing: if replace(.writing, by: .idle) { return }
            case .watched: if replace(.watched, by: .idle) { return }
            case .closing:
                phase.store(.closed, ordering: .relaxed)
                Glibc.close(descriptor)
                return
            case .idle, .offered, .written, .closed: return
            }
        }
    }
}
