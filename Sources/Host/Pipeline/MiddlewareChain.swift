package import HostCore
package import NIOCore
internal import Synchronization

/// Stages around the plugins, or around one of them; the first is the outermost.
package final class MiddlewareChain: Sendable {
    /// What is at the end of a chain. Any thread.
    package typealias End = @Sendable (Request, any ResponseSink) -> Void

    /// A class, because a struct's half a dozen references would be counted at each step of each request.
    package final class Link: Sendable {
        package let name: String
        /// nil: no configuration asks for the stage, the program does that runs the host.
        package let entry: MiddlewareEntry?
        package let meter = StageMeter()
        let stage: any MiddlewareStage

        package init(_ entry: MiddlewareEntry, _ stage: any MiddlewareStage) {
            name = entry.name
            self.entry = entry
            self.stage = stage
        }

        package init(name: String, _ stage: any MiddlewareStage) {
            self.name = name
            entry = nil
            self.stage = stage
        }
    }

    package let links: [Link]
    private let requests = Atomic<Int>(0)

    package init(_ links: [Link]) {
        self.links = links
    }

    /// Sends a request through the stages.
    ///
    /// - Parameters:
    ///   - sink: gets the response, be it a stage's or that of what is at the end.
    ///   - end: called if no stage has answered; more than once if a stage tries again.
    package func run(
        _ request: Request, for sink: any ResponseSink, end: @escaping End
    ) {
        let number = requests.add(1, ordering: .relaxed).oldValue
        let way = Way(links, timer: StageTimer(request: number), end: end)
        Next(way: way, index: 0, entered: way.timer.now()).enter(request, for: sink)
    }

    /// What all invocations of one request have in common.
    fileprivate final class Way: Sendable {
        let links: [Link]
        let timer: StageTimer
        let end: End

        init(_ links: [Link], timer: StageTimer, end: @escaping End) {
            self.links = links
            self.timer = timer
            self.end = end
        }
    }
}

/// The way on from a stage, through those behind it.
package struct Next: Sendable {
    fileprivate let way: MiddlewareChain.Way
    /// Of the stage's own link.
    fileprivate let index: Int
    /// When the request came to the stage.
    fileprivate let entered: NIODeadline

    /// What is counted of the stage.
    package var meter: StageMeter { way.links[index].meter }

    /// For ``addTime(since:)``.
    package func now() -> NIODeadline { way.timer.now() }

    /// The stage has been at work on the request.
    package func addTime(since start: NIODeadline) { addTime(start, to: now()) }

    private func addTime(_ start: NIODeadline, to end: NIODeadline) {
        if way.timer.isTiming { way.timer.add(start, to: end, of: meter) }
    }

    /// Lets the request go on.
    package func proceed(_ request: Request, for sink: any ResponseSink) {
        let now = now()
        addTime(entered, to: now)
        Next(way: way, index: index + 1, entered: now).enter(request, for: sink)
    }

    /// Lets a request go on that has been there: its response was not good enough.
    package func proceedAgain(_ request: Request, for sink: any ResponseSink) {
        Next(way: way, index: index + 1, entered: now()).enter(request, for: sink)
    }

    /// Answers the request; what is behind the stage never sees it.
    package func respond(to sink: any ResponseSink, with response: CallResponse) {
        addTime(since: entered)
        sink.receive(.success(response))
    }

    /// Refuses the request; what is behind the stage never sees it.
    package func refuse(_ sink: any ResponseSink, with error: DispatchError) {
        addTime(since: entered)
        meter.addError()
        sink.receive(.failure(error))
    }

    fileprivate func enter(_ request: Request, for sink: any ResponseSink) {
        guard index < way.links.count else { return way.end(request, sink) }
        let link = way.links[index]
        guard link.stage.readsBody else {
            link.meter.addCall()
            return link.stage.handle(request, for: sink, self)
        }
        whenBodyIsThere(of: request, for: sink) { request, next in
            link.meter.addCall()
            link.stage.handle(request, for: sink, next)
        }
    }

    /// Goes on when all of the body is there: for a stage that reads the bodies of some requests only. One that never
    /// will be there ends the request.
    ///
    /// - Parameter body: called at most once, also before this returns, on whatever thread has the rest of the body.
    package func whenBodyIsThere(
        of request: Request, for sink: any ResponseSink,
        _ body: @escaping @Sendable (Request, Next) -> Void
    ) {
        guard request.body == nil, let incoming = request.incoming else {
            return body(request, self)
        }
        incoming.whenThere { result in
            switch result {
            case .success(let bytes):
                var request = request
                request.body = bytes
                // The stage is not to blame for the time that the body took.
                body(request, Next(way: way, index: index, entered: now()))
            case .failure(let error):
                sink.receive(.failure(error))
            }
        }
    }
}
