internal import HostCore
internal import HostPipeline
internal import HostPlugins
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// A request at a plugin's stage, and the filter of its response.
///
/// The plugin touches it from any thread, through its id, until it is over; it holds the stage, and by that the
/// generation, for as long. Its functions run where the request and its response come by, if that is a thread for
/// plugins; otherwise on one of the library's own.
final class StageInvocation: @unchecked Sendable {
    // Sendable: the variables are only touched under the lock, except the id, which is set before anybody else has the
    // object.
    private let lock = NIOLock()
    private var course = StageInvocationState()
    private var request: Request
    private var context = PassageContext.none
    private var head: ResponseHead?
    private var piece = ByteBuffer()
    private var timer: Scheduled<Void>?

    private let stage: PluginStage
    private let sink: any ResponseSink
    private let next: Next
    private let place: PluginStageSlot
    private let originSink: (any OriginSink)?
    private var id: UInt64 = 0

    private init(
        _ request: Request, at stage: PluginStage, of place: PluginStageSlot,
        for sink: any ResponseSink, _ next: Next
    ) {
        self.request = request
        self.stage = stage
        self.place = place
        self.sink = sink
        self.next = next
        originSink = request.originSink
    }

    /// Shows a request to the stage, and does what that decides.
    static func run(
        _ request: Request, at stage: PluginStage, of place: PluginStageSlot,
        for sink: any ResponseSink, _ next: Next
    ) {
        let mayRunHere = mayRunHere(for: request.originSink)
        var request = request
        if !mayRunHere, request.originSink?.hasOwnThread != true {
            // It goes on from the library's own thread, which is no place for another library's method.
            request.mayRunInline = false
        }
        let new = StageInvocation(request, at: stage, of: place, for: sink, next)
        guard let id = stage.enter(new) else {
            let message = "too many requests are at the middleware stage \(place.name)"
            return next.refuse(sink, with: DispatchError(.unavailable, message))
        }
        new.id = id
        guard mayRunHere else { return stage.runOnOwnThread { [request] in new.ask(request) } }
        new.ask(request)
    }

    /// Whether this is a thread for a plugin's code: a plugin's own, or the event loop of the request's connection. Not
    /// another event loop, which may be the clock of all backends, and not one of Swift's pool: whoever overstays there
    /// holds up what has nothing to do with it.
    private static func mayRunHere(for originSink: (any OriginSink)?) -> Bool {
        if originSink?.isOnOwnThread == true { return true }
        guard MultiThreadedEventLoopGroup.currentEventLoop == nil else { return false }
        return unsafe withUnsafeCurrentTask { task in unsafe task == nil }
    }

    // MARK: The request

    private func ask(_ request: Request) {
        var metadata = CallMetadata(
            origin: request.origin, httpMethod: request.httpMethod, path: request.path,
            query: request.query, requestID: sink.requestID, shardKey: request.shardKey,
            headers: request.headers.lowercased,
            remoteAddress: request.remoteAddress?.numericText ?? "", scheme: request.scheme,
            subject: request.subject)
        // A request that a handle forwards is no connection's.
        if request.origin == .http, request.remoteAddress == nil {
            metadata.remoteAddress = sink.makeMetadata().remoteAddress
        }
        place.watch.run("on_request") {
            stage.onRequest(id, metadata, body: stage.readsBody ? request.body : nil)
        }
        switch lock.withLock({ course.returned(isAsync: stage.isAsync) }) {
        case .decided(let decision): apply(decision)
        case .wait: setTimer(request)
        case .leftUndecided:
            stage.recordUndecided()
            stage.leave(id)
            let message = "the middleware stage \(place.name) left the request undecided"
            next.refuse(sink, with: DispatchError(.plugin(.internal), message))
        }
    }

    private func apply(_ decision: PassageDecision) {
        switch decision {
        case .proceed(let context):
            let request = lock.withLock {
                self.context = context
                return self.request
            }
            guard stage.followsResponses else {
                stage.leave(id)
                return next.proceed(request, for: sink)
            }
            next.proceed(request, for: FilteringSink(self, before: sink, next))
        case .answer(let response):
            stage.leave(id)
            next.respond(to: sink, with: response)
        case .fail(let failure):
            stage.leave(id)
            next.refuse(sink, with: DispatchError(failure))
        }
    }

    private func setTimer(_ request: Request) {
        let own = place.decisionLimit.map { NIODeadline.now() + $0 }
        guard let limit = [own, request.limit, request.deadline].compactMap({ $0 }).min() else {
            return
        }
        // Bound: one for each request that waits for its stage's decision, taken back with that.
        let timer = MultiThreadedEventLoopGroup.singleton.next()
            .scheduleTask(deadline: limit) { self.giveUp() }
        let isWaiting = lock.withLock {
            // It may have been decided in the meantime, and go on by now.
            guard case .request = course.changeable else { return false }
            self.timer = timer
            return true
        }
        if !isWaiting { timer.cancel() }
    }

    private func giveUp() {
        guard lock.withLock({ course.giveUp() }) else { return }
        stage.recordUndecided()
        let message = "the middleware stage \(place.name) did not decide in time"
        next.refuse(sink, with: DispatchError(.deadlineExceeded, message))
    }
}

// MARK: - From the plugin

extension StageInvocation: PluginStageInvocation {
    func decide(_ decision: PassageDecision) -> PassageVerdict {
        let (verdict, now, timer) = lock.withLock {
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
        lock.withLock {
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
            if Self.single.contains(name.lowercased()) {
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

extension Request {
    fileprivate mutating func replaceBody(_ body: ByteBuffer) {
        self.body = body
        guard headers.contains(name: "content-length") else { return }
        headers.replaceOrAdd(name: "content-length", value: String(body.readableBytes))
    }
}

// MARK: - The response

extension StageInvocation: ResponseFilter {
    func begin(_ head: inout ResponseHead) {
        guard stage.seesHead, see(.head, { self.head = head }) else { return }
        place.watch.run("on_response") {
            stage.onResponse(
                id, context, status: head.status, contentType: head.contentType,
                headers: head.headers.all, isError: head.isError)
        }
        seen { if let changed = self.head { head = changed } }
    }

    func pass(_ body: inout ByteBuffer, isLast: Bool) {
        guard stage.seesBody, see(.body, { piece = body }) else { return }
        place.watch.run("on_response_body") {
            stage.onResponseBody(id, context, body, isLast: isLast)
        }
        seen {
            body = piece
            piece = ByteBuffer()
        }
    }

    func end(_ error: DispatchError?) {
        guard lock.withLock({ course.end() }) else { return }
        place.watch.run("on_end") { stage.onEnd(context, error?.status ?? .ok) }
        stage.leave(id)
    }

    var mayRunHere: Bool { Self.mayRunHere(for: originSink) }

    func runElsewhere(_ body: @escaping @Sendable () -> Void) { stage.runOnOwnThread(body) }

    /// Lets the plugin change a part of the response.
    private func see(_ part: StageInvocationState.Part, _ prepare: () -> Void) -> Bool {
        lock.withLock {
            guard course.see(part) else { return false }
            prepare()
            return true
        }
    }

    /// It may not any more.
    private func seen(_ finish: () -> Void) {
        lock.withLock {
            finish()
            course.seen()
        }
    }
}
