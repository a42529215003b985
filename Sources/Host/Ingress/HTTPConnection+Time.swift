internal import Logging
internal import NIOCore
internal import NIOHTTP1

#if canImport(Glibc)
internal import Glibc
#endif

/// How long things may take, and what happens when their time is up.
extension HTTPConnection {
    /// How long a client has to close its side after the last answer.
    static let closeTimeout = TimeAmount.seconds(2)

    /// The time for what the connection waits for is up.
    func timeOut() {
        if delivery != nil {
            checkDelivery()
            return
        }
        switch state {
        case .waiting where bytesTaken < bytesWritten:
            // The connection isn't idle as long as its client has something to take.
            beginDelivery()
        case .receiving(let reception):
            refuse(late("the request did not arrive in time"), reception.request)
            flushIfNeeded()
        case .waiting where hasPartialHead:
            refuse(late("the request head did not arrive in time"), nil)
            flushIfNeeded()
        case .waiting, .calling, .closing:
            close()
        }
    }

    private func late(_ detail: String) -> Problem {
        Problem(.requestTimeout, detail, closesConnection: true)
    }

    /// Gives a request the time that its size earns.
    func setDeadline(_ start: NIODeadline, transferring size: Int) {
        let earned = Int64(size / group.settings.minimumRate)
        deadline = start + TimeAmount(group.settings.transferTimeout) + .seconds(earned)
    }

    /// The last answer has left; the client has a moment to see it.
    func waitForClose() {
        delivery = nil
        deadline = .now() + Self.closeTimeout
    }

    // MARK: Delivery

    /// Begins to watch whether the client takes what is written.
    func beginDelivery() {
        guard delivery == nil else { return }
        let pace = DeliveryPace(
            taken: bytesTaken, minimumRate: group.settings.minimumRate,
            interval: TimeAmount(group.settings.transferTimeout), at: .now())
        delivery = pace
        deadline = pace.deadline
    }

    /// The client has caught up: what counts is what the connection waits for again.
    func endDelivery() {
        guard delivery != nil else { return }
        switch state {
        case .closing: return
        case .waiting: deadline = .now() + TimeAmount(group.settings.idleTimeout)
        case .receiving(let reception):
            setDeadline(reception.start, transferring: reception.size)
        case .calling: deadline = .distantFuture
        }
        delivery = nil
    }

    private func checkDelivery() {
        let taken = bytesTaken
        if taken == bytesWritten {
            endDelivery()
        } else if delivery?.isKept(taken: taken, at: .now()) ?? true {
            deadline = delivery?.deadline ?? .distantFuture
        } else {
            group.logger.debug("a client did not read its answer; its connection is closed")
            close()
        }
    }

    /// How many bytes the client's side has acknowledged. The others stand in two queues, the channel's and the
    /// kernel's, of which the second may hold megabytes.
    private var bytesTaken: Int { bytesWritten - bytesBuffered - bytesInKernel }

    /// How many bytes the kernel has not taken yet.
    var bytesBuffered: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    private var bytesInKernel: Int {
        var count: CInt = 0
        // The socket is only looked at, so that the channel that owns it sees no difference.
        _ = try? context?.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket in unsafe ioctl(socket, UInt(TIOCOUTQ), &count) }
        return Int(count)
    }
}
