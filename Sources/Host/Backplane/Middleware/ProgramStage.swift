internal import HostCore
internal import HostLogging
internal import HostPipeline
internal import Logging
internal import NIOCore

/// Middleware of the program that runs the host, as a stage of a chain: a task for each request.
final class ProgramStage: MiddlewareStage {
    fileprivate let middleware: any Middleware
    fileprivate let failures: LimitedLog

    init(_ middleware: any Middleware, logger: Logger) {
        self.middleware = middleware
        failures = LimitedLog(logger, level: .error)
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        let task = Task {
            await Crossing(of: request, for: sink, next, through: self).run()
        }
        request.originSink?.whenOver { task.cancel() }
    }
}

/// One request on its way through the stage and back. The task's alone.
private final class Crossing {
    private let request: Request
    private let sink: any ResponseSink
    private let next: Next
    private let stage: ProgramStage
    /// When the response of what is behind was there; nil: the request has not gone on.
    private var returned: NIODeadline?
    private var hasProceeded = false

    init(
        of request: Request, for sink: any ResponseSink, _ next: Next,
        through stage: ProgramStage
    ) {
        self.request = request
        self.sink = sink
        self.next = next
        self.stage = stage
    }

    func run() async {
        do {
            let seen = StageRequest(request, requestID: sink.requestID)
            let response = try await stage.middleware.handle(seen) { try await proceed($0) }
            try await deliver(response)
        } catch {
            fail(error)
        }
    }

    private func proceed(_ request: StageRequest) async throws -> StageResponse {
        var passed = try await request.passed()
        try Task.checkCancellation()
        let inbox = StageInbox(before: sink, originSink: self.request.originSink)
        passed.originSink = inbox
        // Swift's threads are not the plugins'.
        if !inbox.hasOwnThread { passed.mayRunInline = false }
        if hasProceeded {
            next.proceedAgain(passed, for: inbox)
        } else {
            hasProceeded = true
            next.proceed(passed, for: inbox)
        }
        let event = await inbox.next()
        returned = next.now()
        try Task.checkCancellation()
        switch event {
        case .part(let first):
            let reading = StageInbox.Reading(inbox, first: first.body)
            return StageResponse(first, body: StageBody(reading))
        case .end(.success(let whole)): return StageResponse(whole, body: StageBody(whole.body))
        case .end(.failure(let error)): return StageResponse(CallError(passing: error))
        }
    }

    // MARK: The response

    private func deliver(_ response: StageResponse) async throws {
        if let error = response.error {
            meterReturn()
            return sink.receive(.failure(error))
        }
        var head = response.head
        if let whole = response.body.whole {
            head.body = whole
            guard hasProceeded else { return next.respond(to: sink, with: head) }
            meterReturn()
            return sink.receive(.success(head))
        }
        meterReturn()
        try await response.body.readPieces { piece in
            await room()
            try Task.checkCancellation()
            var part = head
            part.body = piece
            guard sink.receive(part: part) else { throw NobodyReads() }
        }
        sink.receive(.success(head))
    }

    /// The response was ended in front of the stage, by a deadline for one. The task will be told so, too, but not at
    /// once.
    private struct NobodyReads: Error {}

    /// Waits until a part can be sent without blocking the thread.
    private func room() async {
        guard let originSink = request.originSink else { return }
        await withCheckedContinuation { continuation in
            originSink.whenThereIsRoom { continuation.resume() }
        }
    }

    private func fail(_ error: any Error) {
        let answer: DispatchError
        var isStages = true
        switch error {
        case _ where Task.isCancelled || error is NobodyReads:
            answer = .nobodyWaits
            isStages = false
        case let error as CallError where error.dispatched != nil:
            answer = error.dispatched ?? .nobodyWaits
            isStages = !error.isPassing
        case let error as StageRefusal: answer = error.dispatched
        default:
            let name = stage.middleware.name
            stage.failures.log(
                LineBudget.Kind("failures of the middleware \(name)"),
                "middleware \(name) failed: \(error)",
                metadata: ["request_id": sink.requestID])
            answer = DispatchError(
                .refused(httpStatus: 500),
                "the middleware \(stage.middleware.name) failed; the host's log says why",
                cause: error)
        }
        if isStages && !hasProceeded { return next.refuse(sink, with: answer) }
        meterReturn()
        if isStages { next.meter.addError() }
        sink.receive(.failure(answer))
    }

    /// Counts the time that the stage had the response for; once.
    private func meterReturn() {
        if let returned { next.addTime(since: returned) }
        returned = nil
    }
}
