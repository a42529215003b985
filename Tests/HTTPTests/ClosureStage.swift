import Backplane
import HostCore
import HostPipeline

/// A stage that a test writes in place.
struct ClosureStage: MiddlewareStage {
    typealias Body = @Sendable (Request, any ResponseSink, Next) -> Void

    var readsBody = false
    let body: Body

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        body(request, sink, next)
    }

    /// Puts stages around all endpoints of a host, the outermost first.
    static func around(_ stages: ClosureStage...) -> (inout HostConfiguration) -> Void {
        { configuration in
            configuration.outermost = stages.map { MiddlewareChain.Link(name: "test", $0) }
        }
    }
}
