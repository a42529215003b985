internal import HostCore
internal import HostDispatch
internal import HostTransport
internal import NIOCore

/// A call that a worker has and has not finished, as the host keeps it. Confined to the worker's link, but for what
/// its follower does.
final class RunningCall: @unchecked Sendable {
    // Sendable: what changes is touched by the worker's link alone, a call's end after that by its thread for parts.
    let number: CallNumber
    let call: Call
    private let slot: CallSlot
    private let follower: CallFollower
    /// Gives the slot back.
    private let release: @Sendable (RunningCall) -> Void
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
        follower = CallFollower { [slot] in slot.abandon(number) }
        call.follow(follower)
    }

    // MARK: Responses

    /// - Throws: ``TransportError`` when this can't come now.
    func receive(_ response: CallResponse, bytesLeft: Int) throws(TransportError) {
        guard beginning == nil, bytesLeft <= Self.largestBody else {
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
        follower.end()
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

    /// The worker has ended.
    func lose(_ failure: CallFailure, hasBegun: Bool) {
        guard delivery == nil else { return finish(.failure(failure)) }
        follower.end()
        release(self)
        call.lost(failure, hasBegun: hasBegun)
    }

    /// Passes a part of a streamed response on. Who reads it may be slow, and the link has others to serve.
    func receive(part: CallResponse) {
        let thread = delivery ?? SerialThread(name: "stream")
        delivery = thread
        thread.submit { [self] in
            if call.send(part) {
                taken += UInt64(part.body.readableBytes)
                slot.take(taken)
            } else {
                slot.abandon(number)
            }
        }
    }

    /// How much of the stream has been taken. Of the thread for parts.
    private var taken: UInt64 = 0
    private static let largestBody = 1 << 30
}
