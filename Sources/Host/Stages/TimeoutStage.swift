internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Ends requests that take too long, wherever they are: in the stages behind it, in a queue, in the plugin.
final class TimeoutStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var after = ConfiguredTime(nil)
    }

    static let kind = MiddlewareKind(
        "timeout", "Ends requests that take too long.",
        .mapping(keys, from: Options(), such: "{after: 5s}"), initial: nil
    ) { options, _ in
        TimeoutStage(
            after: options.after.duration ?? .zero,
            on: MultiThreadedEventLoopGroup.singleton.next())
    }

    private static let keys: [ConfigurationKey<Options>] = [
        .required(
            "after", \.after, .time(least: .milliseconds(1)),
            "How long a request may take, from here to the last byte of its answer.")
    ]

    private let after: TimeAmount
    private let message: String
    /// Its clock is the stage's.
    private let eventLoop: any EventLoop
    private let waiting = NIOLockedValueBox(TimeoutQueue<TimedSink>())
    private let live = Atomic<Int>(0)

    init(after: Duration, on eventLoop: any EventLoop) {
        self.after = TimeAmount(after)
        self.eventLoop = eventLoop
        let time = DurationText.format(after)
        message = "the request took longer than timeout.after allows, which is \(time)"
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        let deadline = eventLoop.now + after
        var request = request
        request.shorten(to: deadline)
        let timed = TimedSink(before: sink, for: self, next.meter)
        next.proceed(request, for: timed)
        // A plugin's call ends by itself. But the request may be on its way to it for as long as a body or another
        // stage takes.
        if !timed.isOver { wait(for: timed, until: deadline) }
    }

    private func wait(for sink: TimedSink, until deadline: NIODeadline) {
        let live = live.add(1, ordering: .relaxed).newValue
        let ring = waiting.withLockedValue {
            $0.append(sink, until: deadline, live: live, isOver: \.isOver)
        }
        // What was over in the meantime has not counted itself out.
        if sink.beginsToWait() { self.live.subtract(1, ordering: .relaxed) }
        if let ring { setTimer(ring) }
    }

    fileprivate func waitsNoMore() {
        live.subtract(1, ordering: .relaxed)
    }

    private func setTimer(_ deadline: NIODeadline) {
        // Bound: one for the stage, set again when it has rung.
        eventLoop.scheduleTask(deadline: deadline) { [weak self] in self?.ring() }
    }

    private func ring() {
        let now = eventLoop.now
        let (expired, next) = waiting.withLockedValue { $0.ring(at: now, isOver: \.isOver) }
        if let next { setTimer(next) }
        for sink in expired { sink.expire(message) }
    }
}

/// Gets the response, or none in time.
private final class TimedSink: ResponseSink {
    /// First over or waiting, then both.
    private struct Progress: OptionSet {
        var rawValue: UInt8
        static let over = Progress(rawValue: 1)
        static let waiting = Progress(rawValue: 2)
    }

    private let sink: any ResponseSink
    private let stage: TimeoutStage
    private let meter: StageMeter
    private let progress = Atomic<UInt8>(0)

    init(before sink: any ResponseSink, for stage: TimeoutStage, _ meter: StageMeter) {
        self.sink = sink
        self.stage = stage
        self.meter = meter
    }

    private func enter(_ step: Progress) -> Progress {
        Progress(
            rawValue: progress.bitwiseOr(step.rawValue, ordering: .acquiringAndReleasing).oldValue)
    }

    var isOver: Bool {
        Progress(rawValue: progress.load(ordering: .acquiring)).contains(.over)
    }

    /// - Returns: whether it is over, and nobody has counted it out.
    func beginsToWait() -> Bool { enter(.waiting).contains(.over) }

    func expire(_ message: String) {
        guard claim() else { return }
        meter.addError()
        sink.receive(.failure(DispatchError(.deadlineExceeded, message)))
    }

    private func claim() -> Bool {
        let before = enter(.over)
        guard !before.contains(.over) else { return false }
        if before.contains(.waiting) { stage.waitsNoMore() }
        return true
    }

    var requestID: String { sink.requestID }

    func rename(requestID: String) { sink.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata { sink.makeMetadata() }

    func receive(part: CallResponse) -> Bool { !isOver && sink.receive(part: part) }

    func receive(_ result: Result<CallResponse, DispatchError>) {
        if claim() { sink.receive(result) }
    }
}
