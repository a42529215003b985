internal import Foundation
internal import HostDispatch
internal import HostPlugins
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A request at a plugin's stage, and the filter of its answer.
///
/// The plugin touches it from any thread, through its id, until it is over; it holds the stage, and by that the
/// generation, for as long.
final class StagePassage: @unchecked Sendable {
    // Sendable: the variables are only touched under the condition's lock, except the id, which is set before anybody
    // else has the object.
    private let condition = NSCondition()
    private var course = PassageCourse()
    private var request: MiddlewareRequest
    private var context = PassageContext.none
    private var head: AnswerHead?
    private var piece = ByteBuffer()
    private var timer: Scheduled<Void>?

    private let stage: PluginStage
    private let caller: any Caller
    private let passage: Passage
    private let place: PluginStageSlot
    private var id: UInt64 = 0

    private init(
        _ request: MiddlewareRequest, at stage: PluginStage, of place: PluginStageSlot,
        for caller: any Caller, _ passage: Passage
    ) {
        self.request = request
        self.stage = stage
        self.place = place
        self.caller = caller
        self.passage = passage
    }

    /// Shows a request to the stage, and does what that decides.
    static func run(
        _ request: MiddlewareRequest, at stage: PluginStage, of place: PluginStageSlot,
        for caller: any Caller, _ passage: Passage
    ) {
        let new = StagePassage(request, at: stage, of: place, for: caller, passage)
        guard let id = stage.enter(new) else {
            let message = "too many requests are at the middleware stage \(place.name)"
            return passage.refuse(caller, with: DispatchError(.unavailable, message))
        }
        new.id = id
        new.ask(request)
    }

    // MARK: The request

    private func ask(_ request: MiddlewareRequest) {
        let metadata = CallMetadata(
            origin: request.origin, httpMethod: request.httpMethod, path: request.path,
            query: request.query, requestID: caller.requestID, shardKey: request.shardKey,
            headers: request.headers.map { ($0.name.lowercased(), $0.value) })
        place.watch.run("on_request") {
            stage.onRequest(id, metadata, body: stage.readsBody ? request.body : nil)
        }
        switch condition.withLock({ course.returned(isAsync: stage.isAsync) }) {
        case .decided(let decision): apply(decision)
        case .wait: setTimer(request)
        case .leftUndecided:
            stage.recordUndecided()
            stage.leave(id)
            let message = "the middleware stage \(place.name) left the request undecided"
            passage.refuse(caller, with: DispatchError(.plugin(.internal), message))
        }
    }

    private func apply(_ decision: PassageDecision) {
        switch decision {
        case .proceed(let context):
            let request = condition.withLock {
                self.context = context
                return self.request
            }
            guard stage.followsAnswers else {
                stage.leave(id)
                return passage.proceed(request, for: caller)
            }
            passage.proceed(request, for: FilteringCaller(self, before: caller, passage))
        case .answer(let response):
            stage.leave(id)
            passage.answer(caller, with: response)
        case .fail(let failure):
            stage.leave(id)
            passage.refuse(caller, with: DispatchError(.plugin(failure.status), failure.message))
        }
    }

    private func setTimer(_ request: MiddlewareRequest) {
        let own = place.decisionLimit.map { NIODeadline.now() + $0 }
        guard let limit = [own, request.limit, request.deadline].compactMap({ $0 }).min() else {
            return
        }
        let timer = MultiThreadedEventLoopGroup.singleton.next()
            .scheduleTask(deadline: limit) { self.giveUp() }
        let isWaiting = condition.withLock {
            // It may have been decided in the meantime, and go on by now.
            guard case .request = course.changeable else { return false }
            self.timer = timer
            return true
        }
        if !isWaiting { timer.cancel() }
    }

    private func giveUp() {
        guard condition.withLock({ course.giveUp() }) else { return }
        stage.recordUndecided()
        let message = "the middleware stage \(place.name) did not decide in time"
        passage.refuse(caller, with: DispatchError(.deadlineExceeded, message))
    }
}

// MARK: - From the plugin

extension StagePassage: PluginPassage {
    func decide(_ decision: PassageDecision) -> PassageVerdict {
        let (verdict, now, timer) = condition.withLock {
            let (verdict, now) = course.decide(decision)
            return (verdict, now, self.timer)
        }
        if let now {
            timer?.cancel()
            apply(now)
        }
        if verdict == .tooLate { stage.leave(id) }
        return verdict
    }

    func change(_ change: PassageChange) -> PassageVerdict {
        condition.withLock {
            switch (course.changeable, change) {
            case (.request, .body(let body)):
                guard stage.readsBody else { return .refused }
                request.replaceBody(body)
            case (.request, .path(let path)): request.path = path
            case (.request, .query(let query)): request.query = query
            case (.request, _):
                guard let changes = HeaderChanges(change) else { return .invalid }
                changes.apply(to: &request)
            case (.head, .setHeader), (.head, .addHeader), (.head, .removeHeader):
                guard let changes = HeaderChanges(change) else { return .invalid }
                guard !changes.touchesContentType || head?.isError == false else {
                    return .refused
                }
                if head != nil { changes.apply(to: &head!) }
            case (.body, .body(let body)): piece = body
            case (.head, _), (.body, _), (nil, _): return .outOfTurn
            }
            return .done
        }
    }
}

extension HeaderChanges {
    /// - Returns: nil for the fields that are the host's.
    fileprivate init?(_ change: PassageChange) {
        self.init()
        switch change {
        case .setHeader(let name, let value): set = [name: value]
        case .addHeader(let name, let value):
            // A message has one of it.
            if name.lowercased() == "content-type" {
                set = [name: value]
            } else {
                add = [name: value]
            }
        case .removeHeader(let name): remove = [name]
        case .path, .query, .body: return nil
        }
        let name = remove.first ?? set.keys.first ?? add.keys.first ?? ""
        guard !Self.hostsOwn.contains(name.lowercased()) else { return nil }
    }

    fileprivate var touchesContentType: Bool {
        (remove + set.keys).contains { $0.lowercased() == "content-type" }
    }
}

extension MiddlewareRequest {
    fileprivate mutating func replaceBody(_ body: ByteBuffer) {
        self.body = body
        guard headers.contains(name: "content-length") else { return }
        headers.replaceOrAdd(name: "content-length", value: String(body.readableBytes))
    }
}

// MARK: - The answer

extension StagePassage: AnswerFilter {
    func begin(_ head: inout AnswerHead) {
        guard stage.seesHead, enter(.head, { self.head = head }) else { return }
        place.watch.run("on_response") {
            stage.onResponse(
                id, context, status: head.status, contentType: head.contentType,
                headers: head.headers, isError: head.isError)
        }
        leave { if let changed = self.head { head = changed } }
    }

    func pass(_ body: inout ByteBuffer, isLast: Bool) {
        guard stage.seesBody, enter(.body, { piece = body }) else { return }
        place.watch.run("on_response_body") {
            stage.onResponseBody(id, context, body, isLast: isLast)
        }
        leave {
            body = piece
            piece = ByteBuffer()
        }
    }

    func end(_ error: DispatchError?) {
        let status = error?.status ?? .ok
        if condition.withLock({ course.end(status) }) { end(status) }
    }

    /// Waits until no other function has the answer: a plugin may write from several threads at once, and the stage was
    /// promised one at a time. Errors, which come from event loops and clocks, don't wait: see ``end(_:)``.
    private func enter(_ part: PassageCourse.Part, _ prepare: () -> Void) -> Bool {
        condition.withLock {
            while true {
                switch course.see(part) {
                case .enter:
                    prepare()
                    return true
                case .wait: condition.wait()
                case .pass: return false
                }
            }
        }
    }

    private func leave(_ finish: () -> Void) {
        let status = condition.withLock {
            finish()
            condition.broadcast()
            return course.seen()
        }
        if let status { end(status) }
    }

    private func end(_ status: StatusCode) {
        place.watch.run("on_end") { stage.onEnd(context, status) }
        stage.leave(id)
    }
}
