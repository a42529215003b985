internal import Logging
internal import NIOCore
internal import NIOHTTP1

#if canImport(Glibc)
internal import Glibc
#endif

/// How long things may take, and what happens when their time is up.
extension HTTPConnection {
    /// How long a client has to close its side after the last response.
    static let closeTimeout = TimeAmount.seconds(2)
    /// How long it has if it goes on sending: a slow machine may have much on the way.
    private static let longestClose = TimeAmount.seconds(20)

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
        case .receiving(let inbound):
            refuse(late("the request did not arrive in time"), inbound.request)
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

    /// The last response has left for the kernel. The client gets a moment to close its side, and longer if it has yet
    /// to take the response from there.
    func waitForClose() {
        beginDelivery()
        isHalfClosed = true
        closeEnd = .now() + Self.longestClose
        deadline = .now() + Self.closeTimeout
    }

    /// What a client sends behind the last response is dropped; but a client that sends is one that has yet to read.
    func stayForClose() {
        guard isHalfClosed else { return }
        deadline = min(.now() + Self.closeTimeout, closeEnd)
    }

    /// Others have no room for their bodies: an upload that stands still makes some.
    func giveUpStalledUpload(at now: NIODeadline) {
        guard case .receiving(let inbound) = state, inbound.body.readableBytes > 0,
            inbound.progress.hasStalled(
                size: inbound.size, minimumRate: group.settings.minimumRate, at: now)
        else { return }
        switch inbound.disposition {
        case .passing(let passing): refuseBody(of: inbound, passing, group.rules.noRoomForBody)
        case .unseen: passHead(refusing: group.rules.noRoomForBody)
        case .refused, .resolved: refuse(group.rules.noRoomForBody, inbound.request)
        }
        flushIfNeeded()
    }

    // MARK: Delivery

    /// Begins to watch whether the client takes what is written.
    func beginDelivery() {
        guard delivery == nil else { return }
        let pace = DeliveryPace(
            taken: bytesTaken, minimumRate: group.settings.minimumRate,
            grace: TimeAmount(group.settings.transferTimeout), at: .now())
        delivery = pace
        deadline = pace.deadline
    }

    /// The client has caught up: what counts is what the connection waits for again.
    func endDelivery() {
        guard delivery != nil, !hasUnsentStream else { return }
        switch state {
        case .closing: return
        case .waiting: deadline = .now() + TimeAmount(group.settings.idleTimeout)
        case .receiving(let inbound):
            setDeadline(inbound.start, transferring: inbound.size)
        case .calling: deadline = .distantFuture
        }
        delivery = nil
    }

    private func checkDelivery() {
        let taken = bytesTaken
        if taken == bytesWritten {
            if isHalfClosed { close() } else { endDelivery() }
        } else if delivery?.isKept(taken: taken, at: .now()) ?? true {
            deadline =
                isHalfClosed ? .now() + Self.closeTimeout : delivery?.deadline ?? .distantFuture
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
