internal import HostCore
internal import HostDispatch
internal import HostTransport
internal import NIOCore
internal import Synchronization

/// A call that a worker has and has not finished, as the host keeps it. Confined to the worker's link, but for what
/// it tells the worker of an abandoned call.
final class RunningCall: @unchecked Sendable {
    // Sendable: what changes is touched by the worker's link alone, a call's end after that by its thread for parts.
    let number: CallNumber
    let call: Call
    private let slot: CallSlot
    /// Gives the slot back.
    private let release: @Sendable (RunningCall) -> Void
    /// Whether the worker has said how it ends. Parts may still be on their way to who reads them.
    private(set) var isFinished = false
    /// A response whose body is still arriving.
    private var beginning: (response: CallResponse, bytesLeft: Int)?
    /// For a streamed response: the thread that waits for who reads it.
    private var delivery: SerialThread?

    init(
        _ call: Call, _ number: CallNumber, in memory: WorkerMemory,
        release: @escaping @Sendable (RunningCall) -> Void
    ) {
        self.call = call
        self.number = number
        self.release = release
        slot = CallSlot(of: number, in: memory)
        slot.begin()
        // Tells the worker that nobody waits for the call any more.
        call.follow { [slot] in slot.abandon(number) }
    }

    // MARK: Responses

    /// - Throws: ``TransportError`` when this can't come now.
    func receive(_ response: CallResponse, bytesLeft: Int) throws(TransportError) {
        guard !isFinished, beginning == nil, bytesLeft <= Self.largestBody else {
            throw TransportError("a call's response comes twice, or has \(bytesLeft) bytes more")
        }
        guard bytesLeft == 0 else {
            beginning = (response, bytesLeft)
            return
        }
        finish(.success(response))
    }

    /// As ``receive(_:bytesLeft:)``.
    func receive(more bytes: ByteBuffer) throws(TransportError) {
        guard var (response, bytesLeft) = beginning, bytes.readableBytes > 0,
            bytes.readableBytes <= bytesLeft
        else { throw TransportError("a part of a body that does not go on") }
        beginning = nil
        response.body.writeImmutableBuffer(bytes)
        bytesLeft -= bytes.readableBytes
        guard bytesLeft == 0 else {
            beginning = (response, bytesLeft)
            return
        }
        finish(.success(response))
    }

    func finish(_ result: Result<CallResponse, CallFailure>) {
        isFinished = true
        call.unfollow()
        guard let delivery else {
            release(self)
            return call.finish(result)
        }
        // Behind the parts, of which the slot counts what has been taken.
        delivery.submit { [self] in
            release(self)
            call.finish(result)
        }
        delivery.stop()
        self.delivery = nil
    }

    /// The worker has ended. What it had finished by then stays so, whoever is still reading it.
    func lose(_ failure: CallFailure, hasBegun: Bool) {
        guard !isFinished else { return }
        guard delivery == nil else { return finish(.failure(failure)) }
        call.unfollow()
        release(self)
        call.lost(failure, hasBegun: hasBegun)
    }

    /// Passes a part of a streamed response on. Who reads it may be slow, and the link has others to serve.
    ///
    /// - Throws: ``TransportError`` when the worker does not wait for who reads.
    func receive(part: CallResponse) throws(TransportError) {
        let size = part.body.readableBytes
        guard unsent.add(size, ordering: .relaxed).newValue <= Self.mostUnsent else {
            throw TransportError("a stream that waits for nobody")
        }
        let thread = delivery ?? SerialThread(name: "stream")
        delivery = thread
        thread.submit { [self] in
            defer { unsent.subtract(size, ordering: .relaxed) }
            if call.send(part) {
                taken += UInt64(size)
                slot.take(taken)
            } else {
                slot.abandon(number)
            }
        }
    }

    /// How much of the stream has been taken. Of the thread for parts.
    private var taken: UInt64 = 0
    /// What waits for that thread, in bytes.
    private let unsent = Atomic<Int>(0)
    /// A worker has less on the way, and one part more.
    private static let mostUnsent = 1 << 20
    private static let largestBody = 1 << 30
}
