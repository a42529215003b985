package import HostCore
package import HostDispatch
internal import NIOCore

/// A backend behind its middleware: where a call goes in that has been routed.
///
/// Who holds one may send calls: a backend that is taken out of the routes goes when its last pipeline has gone.
package final class BackendPipeline: Sendable {
    package let backend: Backend
    /// nil: there is no stage.
    package let chain: MiddlewareChain?

    package init(_ backend: Backend, chain: MiddlewareChain? = nil) {
        self.backend = backend
        self.chain = chain
        backend.users.enter()
    }

    deinit { backend.users.leave() }

    /// Sends a call through the stages to the backend.
    ///
    /// - Parameters:
    ///   - submitter: is given the call on any thread, also before this returns; more than once if a stage tries again,
    ///     and never if one answers.
    ///   - request: what the stages see of it; made only if there are some.
    package func submit(
        _ plan: consuming CallPlan, for sink: any ResponseSink, by submitter: any CallSubmitter,
        request: () -> Request
    ) {
        guard let chain else {
            return submitter.submit(Call(plan, to: backend, sink: sink), to: backend)
        }
        var request = request()
        request.deadline = deadline(of: plan)
        request.target = backend
        let plan = plan
        // The pipeline itself is held: a stage may take its time.
        chain.run(request, for: sink) { [self] request, sink in
            var plan = plan
            plan.argument = request.body ?? plan.argument
            plan.method = request.method
            plan.contentType = request.contentType
            plan.avoided = request.avoidedReplica
            plan.mayRunInline = plan.mayRunInline && request.mayRunInline
            if let limit = request.limit { plan.limit = min(plan.limit ?? limit, limit) }
            let sink: any ResponseSink =
                request.isHeadChanged ? ChangedRequestSink(request, before: sink) : sink
            submitter.submit(Call(plan, to: backend, sink: sink), to: backend)
        }
    }

    /// When the call ends that a plan makes now.
    private func deadline(of plan: borrowing CallPlan) -> NIODeadline? {
        let now = NIODeadline.now()
        let timeouts = [backend.requestTimeout, plan.timeout.map { TimeAmount($0) }]
        return (timeouts.map { $0.map { now + $0 } } + [plan.limit]).compactMap { $0 }.min()
    }

    /// Sends a copy of a call in, for a shadow: nobody waits for the response.
    package func submitCopy(
        of plan: CallPlan, from sink: any ResponseSink, by submitter: any CallSubmitter,
        request: () -> Request
    ) {
        submit(
            plan.asShadow(),
            for: ShadowSink(metadata: sink.makeMetadata(), argumentHold: plan.argumentHold),
            by: CopySubmitter(of: submitter)
        ) {
            var request = request()
            request.originSink = nil
            return request
        }
    }
}

/// Submits shadows' calls in the place of calls.
private final class CopySubmitter: CallSubmitter {
    private let original: any CallSubmitter

    init(of original: any CallSubmitter) {
        self.original = original
    }

    func submit(_ call: Call, to backend: Backend) { original.submit(copy: call, to: backend) }

    func submit(copy call: Call, to backend: Backend) { original.submit(copy: call, to: backend) }
}

/// Tells the plugin of a request as the stages have left it.
private final class ChangedRequestSink: ResponseSink {
    private let request: Request
    private let sink: any ResponseSink

    init(_ request: Request, before sink: any ResponseSink) {
        self.request = request
        self.sink = sink
    }

    var requestID: String { sink.requestID }

    func rename(requestID: String) { sink.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata {
        var metadata = sink.makeMetadata()
        metadata.httpMethod = request.httpMethod
        metadata.path = request.path
        metadata.query = request.query
        metadata.shardKey = request.shardKey
        metadata.headers = request.headers.lowercased
        metadata.subject = request.subject
        return metadata
    }

    func receive(part: CallResponse) -> Bool { sink.receive(part: part) }

    func receive(_ result: Result<CallResponse, DispatchError>) { sink.receive(result) }
}
