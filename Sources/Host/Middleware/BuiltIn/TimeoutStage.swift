internal import HostDispatch
internal import HostForms
internal import HostPlugins
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
    private let waiting = NIOLockedValueBox(TimeoutQueue<TimedCaller>())
    private let live = Atomic<Int>(0)

    init(after: Duration, on eventLoop: any EventLoop) {
        self.after = TimeAmount(after)
        self.eventLoop = eventLoop
        let time = DurationText.format(after)
        message = "the request took longer than timeout.after allows, which is \(time)"
    }

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        let deadline = eventLoop.now + after
        var request = request
        request.shorten(to: deadline)
        let timed = TimedCaller(before: caller, for: self, passage.meter)
        passage.proceed(request, for: timed)
        // A plugin's call ends by itself. But the request may be on its way to it for as long as a body or another
        // stage takes.
        if !timed.isOver { wait(for: timed, until: deadline) }
    }

    private func wait(for caller: TimedCaller, until deadline: NIODeadline) {
        let live = live.add(1, ordering: .relaxed).newValue
        let ring = waiting.withLockedValue {
            $0.append(caller, until: deadline, live: live, isOver: \.isOver)
        }
        // What was over in the meantime has not counted itself out.
        if caller.beginsToWait() { self.live.subtract(1, ordering: .relaxed) }
        if let ring { setTimer(ring) }
    }

    fileprivate func waitsNoMore() {
        live.subtract(1, ordering: .relaxed)
    }

    private func setTimer(_ deadline: NIODeadline) {
        eventLoop.scheduleTask(deadline: deadline) { [weak self] in self?.ring() }
    }

    private func ring() {
        let now = eventLoop.now
        let (expired, next) = waiting.withLockedValue { $0.ring(at: now, isOver: \.isOver) }
        if let next { setTimer(next) }
        for caller in expired { caller.expire(message) }
    }
}

/// Gets the answer, or none in time.
private final class TimedCaller: Caller {
    /// First over or waiting, then both.
    private struct Progress: OptionSet {
        var rawValue: UInt8
        static let over = Progress(rawValue: 1)
        static let waiting = Progress(rawValue: 2)
    }

    private let caller: any Caller
    private let stage: TimeoutStage
    private let meter: StageMeter
    private let progress = Atomic<UInt8>(0)

    init(before caller: any Caller, for stage: TimeoutStage, _ meter: StageMeter) {
        self.caller = caller
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
        caller.receive(.failure(DispatchError(.deadlineExceeded, message)))
    }

    private func claim() -> Bool {
        let before = enter(.over)
        guard !before.contains(.over) else { return false }
        if before.contains(.waiting) { stage.waitsNoMore() }
        return true
    }

    var requestID: String { caller.requestID }

    func rename(requestID: String) { caller.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata { caller.makeMetadata() }

    func receive(part: PluginResponse) -> Bool { !isOver && caller.receive(part: part) }

    func receive(_ result: Result<PluginResponse, DispatchError>) {
        if claim() { caller.receive(result) }
    }
}
