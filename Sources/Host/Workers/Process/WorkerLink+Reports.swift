internal import CLinux
internal import HostCore
internal import HostDispatch
internal import HostTransport
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// What a worker reports, and its end. Of the link's thread.
extension WorkerLink {
    /// What the end of a process may take after it has closed its socket, in milliseconds.
    private static let grace: CInt = 500

    func listen() {
        let reader = ReportReader(in: memory)
        var lines = OutputLines(of: output, logger: logger)
        var hasOutput = true
        /// Whether what comes makes no sense any more: its end alone is waited for.
        var isBroken = false
        /// Whether its end of the socket is open, which it closes with itself, or by mistake.
        var hasSocket = true
        while true {
            do throws(TransportError) {
                if !isBroken { try takeReports(from: reader) }
            } catch {
                logger.error("the worker process reports what can't be: \(error.message)")
                kill(because: error.message)
                isBroken = true
            }
            guard isBroken || reader.beginSleep() else { continue }
            var waiting = [
                pollfd(fd: isBroken ? -1 : event, events: Int16(POLLIN), revents: 0),
                // A process may have closed it; then there is nothing to wait for.
                pollfd(fd: hasOutput ? output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watch, events: Int16(POLLIN), revents: 0),
                pollfd(fd: hasSocket ? socket : -1, events: 0, revents: 0),
            ]
            let count = unsafe poll(&waiting, 4, hasSocket ? -1 : Self.grace)
            reader.endSleep()
            if waiting[0].revents != 0 {
                var wakeups: UInt64 = 0
                _ = unsafe read(event, &wakeups, 8)
            }
            if waiting[1].revents != 0 { hasOutput = lines.read() }
            if waiting[3].revents != 0 { hasSocket = false }
            if count == 0 { kill(because: "it has closed its end of the socket") }
            guard waiting[2].revents != 0 else { continue }
            // What it has said before it ended counts.
            if !isBroken { try? takeReports(from: reader) }
            _ = lines.read()
            return end()
        }
    }

    private func takeReports(from reader: ReportReader) throws(TransportError) {
        while let bytes = try reader.next() { try take(try WorkerReport(reading: bytes)) }
    }

    private func take(_ report: WorkerReport) throws(TransportError) {
        switch report {
        case .done(let lane, let error, let value): try done(lane, error, value)
        case .value(let lane, let part):
            let isOrdered = state.withLockedValue { state in
                guard state.lanes[lane].job != nil,
                    state.lanes[lane].value.readableBytes <= Self.largestValue
                else { return false }
                state.lanes[lane].value.writeImmutableBuffer(part)
                return true
            }
            guard isOrdered else { throw TransportError("a value of an order that there is not") }
        case .finished(let number, let response, let bytesLeft):
            try find(number).receive(response, bytesLeft: bytesLeft)
        case .more(let number, let bytes): try find(number).receive(more: bytes)
        case .failed(let number, let failure): try find(number).finish(.failure(failure))
        case .part(let number, let part): try find(number).receive(part: part)
        case .log(let level, let message, let metadata):
            logger.log(
                level: Logger.Level.allCases[min(Int(level), Logger.Level.allCases.count - 1)],
                "\(message)",
                metadata: Logger.Metadata(
                    metadata.map { ($0.name, "\($0.value)") }, uniquingKeysWith: { $1 }))
        case .misuses(let count): state.withLockedValue { $0.misuses = count }
        case .question(let number, let question):
            try questions.take(number, question, of: self)
        case .argument(let number, let part): try questions.take(number, part, of: self)
        }
    }

    /// Of the state that a plugin hands over; it may be as large as that.
    private static let largestValue = 128 << 20

    private func find(_ number: CallNumber) throws(TransportError) -> RunningCall {
        guard let call = state.withLockedValue({ $0.calls.find(number) }), !call.isFinished else {
            throw TransportError("a report of a call that there is not")
        }
        return call
    }

    private func done(
        _ lane: Int, _ error: PluginError?, _ last: ByteBuffer
    ) throws(TransportError) {
        let finished = state.withLockedValue { state -> (Job, ByteBuffer)? in
            guard let job = state.lanes[lane].job else { return nil }
            state.lanes[lane].job = nil
            var value = ByteBuffer()
            swap(&value, &state.lanes[lane].value)
            if value.readableBytes == 0 { value = last } else { value.writeImmutableBuffer(last) }
            return (job, value)
        }
        guard let (job, value) = finished else {
            throw TransportError("an order is done that was not given")
        }
        let waiting = state.withLockedValue { state in
            state.lanes[lane].waiting.isEmpty ? nil : state.lanes[lane].waiting.removeFirst()
        }
        if let waiting { begin(waiting.job, waiting.order, lane: lane)?.wake() }
        switch job {
        case .answer: break
        case .lifecycle(let promise):
            promise.fulfil(error.map { .failure($0) } ?? .success(value))
        case .assignment(let assignment, let owner):
            if case .healthCheck = assignment.work {
                owner.healthChecked(assignment.replica, error)
            }
            if let next = owner.returned(assignment) { prepare(next, of: owner)?.wake() }
        }
    }

    private func end() {
        var end = clinux_end()
        let isReaped = unsafe clinux_reap(watch, &end) == 1
        let (ending, jobs, calls, listeners) = state.withLockedValue { state in
            let ending: WorkerEnd =
                if let reason = state.reason { .ended(because: reason) } else if !isReaped {
                    .status(-1)
                } else {
                    end.signal != 0
                        ? .signal(end.signal, memoryLimit: memoryLimit) : .status(end.status)
                }
            state.end = ending
            let jobs = state.lanes.flatMap { lane in
                [lane.job].compactMap { $0 } + lane.waiting.map(\.job)
            }
            state.lanes = []
            for descriptor in [socket, event, output, watch] { close(descriptor) }
            defer { state.listeners = [] }
            return (ending, jobs, state.calls.all, state.listeners)
        }
        // First the backend takes the replica out: what is failed now may be tried again at once.
        for listener in listeners { listener(ending) }
        let refused = state.withLockedValue { state in
            state.isEndTold = true
            defer { state.refused = [] }
            return state.refused
        }
        for job in refused { fail(job, ending) }
        for job in jobs { fail(job, ending, calls) }
        let notBegun = Self.notBegun(of: jobs, calls)
        for call in calls {
            call.lose(
                failure(of: call.call, ending), hasBegun: !notBegun.contains(call.number))
        }
    }
}
