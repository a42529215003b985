internal import HostDispatch
internal import HostMiddleware
internal import HostPlugins
internal import Logging
internal import NIOCore

/// Middleware of the program that runs the host, as a stage of a chain: a task for each request.
final class ProgramStage: MiddlewareStage {
    fileprivate let middleware: any Middleware
    fileprivate let logger: Logger

    init(_ middleware: any Middleware, logger: Logger) {
        self.middleware = middleware
        self.logger = logger
    }

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        let task = Task {
            await Crossing(of: request, for: caller, passage, through: self).run()
        }
        request.finalCaller?.whenOver { task.cancel() }
    }
}

/// One request on its way through the stage and back. The task's alone.
private final class Crossing {
    private let request: MiddlewareRequest
    private let caller: any Caller
    private let passage: Passage
    private let stage: ProgramStage
    /// When the answer of what is behind was there; nil: the request has not gone on.
    private var returned: NIODeadline?
    private var hasProceeded = false

    init(
        of request: MiddlewareRequest, for caller: any Caller, _ passage: Passage,
        through stage: ProgramStage
    ) {
        self.request = request
        self.caller = caller
        self.passage = passage
        self.stage = stage
    }

    func run() async {
        do {
            let seen = StageRequest(request, requestID: caller.requestID)
            let response = try await stage.middleware.handle(seen) { try await next($0) }
            try await deliver(response)
        } catch {
            fail(error)
        }
    }

    private func next(_ request: StageRequest) async throws -> StageResponse {
        var passed = try await request.passed()
        try Task.checkCancellation()
        let inbox = StageInbox(before: caller, finalCaller: self.request.finalCaller)
        passed.finalCaller = inbox
        // Swift's threads are not the plugins'.
        if !inbox.hasOwnThread { passed.mayRunInline = false }
        if hasProceeded {
            passage.proceedAgain(passed, for: inbox)
        } else {
            hasProceeded = true
            passage.proceed(passed, for: inbox)
        }
        let event = await inbox.next()
        returned = passage.now()
        try Task.checkCancellation()
        switch event {
        case .part(let first):
            let reading = StageInbox.Reading(inbox, first: first.body)
            return StageResponse(first, body: StageBody(reading))
        case .end(.success(let whole)): return StageResponse(whole, body: StageBody(whole.body))
        case .end(.failure(let error)): return StageResponse(CallError(passing: error))
        }
    }

    // MARK: The answer

    private func deliver(_ response: StageResponse) async throws {
        if let error = response.error {
            meterReturn()
            return caller.receive(.failure(error))
        }
        var head = response.head
        if let whole = response.body.whole {
            head.body = whole
            guard hasProceeded else { return passage.answer(caller, with: head) }
            meterReturn()
            return caller.receive(.success(head))
        }
        meterReturn()
        try await response.body.readPieces { piece in
            await room()
            try Task.checkCancellation()
            var part = head
            part.body = piece
            guard caller.receive(part: part) else { throw CancellationError() }
        }
        caller.receive(.success(head))
    }

    /// Waits until a part can be sent without blocking the thread.
    private func room() async {
        guard let finalCaller = request.finalCaller else { return }
        await withCheckedContinuation { continuation in
            finalCaller.whenThereIsRoom { continuation.resume() }
        }
    }

    private func fail(_ error: any Error) {
        let answer: DispatchError
        var isStages = true
        switch error {
        case _ where Task.isCancelled:
            answer = .nobodyWaits
            isStages = false
        case let error as CallError where error.dispatched != nil:
            answer = error.dispatched ?? .nobodyWaits
            isStages = !error.isPassing
        case let error as StageRefusal: answer = error.dispatched
        default:
            stage.logger.error(
                "middleware \(stage.middleware.name) failed: \(error)",
                metadata: ["request_id": "\(caller.requestID)"])
            answer = DispatchError(
                .refused(httpStatus: 500),
                "the middleware \(stage.middleware.name) failed; the host's log says why",
                cause: error)
        }
        if isStages && !hasProceeded { return passage.refuse(caller, with: answer) }
        meterReturn()
        if isStages { passage.meter.addError() }
        caller.receive(.failure(answer))
    }

    /// Counts the time that the stage had the answer for; once.
    private func meterReturn() {
        if let returned { passage.addTime(since: returned) }
        returned = nil
    }
}
