import Backplane
import HostDispatch
import HostMiddleware

/// A stage that a test writes in place.
struct ClosureStage: MiddlewareStage {
    typealias Body = @Sendable (MiddlewareRequest, any Caller, Passage) -> Void

    var readsBody = false
    let body: Body

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        body(request, caller, passage)
    }

    /// Puts stages around all endpoints of a host, the outermost first.
    static func around(_ stages: ClosureStage...) -> (inout HostConfiguration) -> Void {
        { configuration in
            configuration.outermost = stages.map { MiddlewareChain.Link(name: "test", $0) }
        }
    }
}
