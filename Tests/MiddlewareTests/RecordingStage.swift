import HostCore
import HostPipeline
import NIOCore

/// A stage that writes down what it sees, and does what it is told.
struct RecordingStage: MiddlewareStage {
    enum Conduct: Sendable, CaseIterable {
        case passes
        case filters
        case answers
        case refuses
        /// Goes on from another thread.
        case waits
    }

    let name: String
    let violations: Conduct
    var readsBody = false
    let trace: Trace

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        trace.add("in \(name)")
        switch violations {
        case .passes: next.proceed(request, for: sink)
        case .filters:
            let filter = Filter(name: name, trace: trace)
            next.proceed(request, for: FilteringSink(filter, before: sink, next))
        case .answers:
            let body = ByteBuffer(string: name)
            next.respond(to: sink, with: CallResponse(body: body, contentType: "text/plain"))
        case .refuses:
            next.refuse(sink, with: DispatchError(.refused(httpStatus: 403), name))
        case .waits:
            Task { next.proceed(request, for: sink) }
        }
    }

    private struct Filter: ResponseFilter {
        let name: String
        let trace: Trace

        func begin(_ head: inout ResponseHead) { head.add("x-stage", name) }
        func pass(_ body: inout ByteBuffer, isLast: Bool) { body.writeString(name) }
        func end(_ error: DispatchError?) { trace.add("out \(name)") }
    }
}
