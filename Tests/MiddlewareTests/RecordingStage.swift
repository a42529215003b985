import HostDispatch
import HostMiddleware
import HostPlugins
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
    let conduct: Conduct
    var readsBody = false
    let trace: Trace

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        trace.add("in \(name)")
        switch conduct {
        case .passes: passage.proceed(request, for: caller)
        case .filters:
            let filter = Filter(name: name, trace: trace)
            passage.proceed(request, for: FilteringCaller(filter, before: caller, passage))
        case .answers:
            let body = ByteBuffer(string: name)
            passage.answer(caller, with: PluginResponse(body: body, contentType: "text/plain"))
        case .refuses:
            passage.refuse(caller, with: DispatchError(.refused(httpStatus: 403), name))
        case .waits:
            Task { passage.proceed(request, for: caller) }
        }
    }

    private struct Filter: AnswerFilter {
        let name: String
        let trace: Trace

        func begin(_ head: inout AnswerHead) { head.add("x-stage", name) }
        func pass(_ body: inout ByteBuffer, isLast: Bool) { body.writeString(name) }
        func end(_ error: DispatchError?) { trace.add("out \(name)") }
    }
}
