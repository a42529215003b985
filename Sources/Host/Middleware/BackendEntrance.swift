package import HostDispatch
internal import HostPlugins
internal import NIOCore

/// A backend behind its middleware: where a call goes in that has been routed.
package final class BackendEntrance: Sendable {
    package let backend: Backend
    /// nil: there is no stage.
    package let chain: MiddlewareChain?

    package init(_ backend: Backend, chain: MiddlewareChain? = nil) {
        self.backend = backend
        self.chain = chain
    }

    /// Sends a call through the stages to the backend.
    ///
    /// - Parameters:
    ///   - request: what the stages see of it; made only if there are some.
    ///   - submit: submits the call, if it is still wanted. Called from any thread, also before this returns; more than
    ///     once if a stage tries again, and never if one answers.
    package func enter(
        _ plan: CallPlan, for caller: any Caller, request: () -> MiddlewareRequest,
        submit: @escaping @Sendable (Call, Backend) -> Void
    ) {
        guard let chain else { return submit(plan.makeCall(to: backend, for: caller), backend) }
        var request = request()
        request.deadline = deadline(of: plan)
        chain.run(request, for: caller) { [backend] request, caller in
            var plan = plan
            plan.argument = request.body ?? plan.argument
            plan.method = request.method
            plan.contentType = request.contentType
            plan.avoided = request.avoidedReplica
            plan.mayRunInline = plan.mayRunInline && request.mayRunInline
            if let limit = request.limit { plan.limit = min(plan.limit ?? limit, limit) }
            let caller: any Caller =
                request.isHeadChanged ? ChangedRequestCaller(request, before: caller) : caller
            submit(plan.makeCall(to: backend, for: caller), backend)
        }
    }

    /// When the call ends that a plan makes now.
    private func deadline(of plan: CallPlan) -> NIODeadline? {
        let now = NIODeadline.now()
        let timeouts = [backend.requestTimeout, plan.timeout.map { TimeAmount($0) }]
        return (timeouts.map { $0.map { now + $0 } } + [plan.limit]).compactMap { $0 }.min()
    }

    /// Sends a copy of a call in, for a shadow: nobody waits for the answer.
    package func enterCopy(
        of plan: CallPlan, from caller: any Caller, request: () -> MiddlewareRequest,
        submit: @escaping @Sendable (Call, Backend) -> Void = { $1.submit($0) }
    ) {
        enter(
            plan.asShadow(), for: ShadowCaller(metadata: caller.makeMetadata()),
            request: {
                var request = request()
                request.finalCaller = nil
                return request
            }, submit: submit)
    }
}

/// Tells the plugin of a request as the stages have left it.
private final class ChangedRequestCaller: Caller {
    private let request: MiddlewareRequest
    private let caller: any Caller

    init(_ request: MiddlewareRequest, before caller: any Caller) {
        self.request = request
        self.caller = caller
    }

    var requestID: String { caller.requestID }

    func rename(requestID: String) { caller.rename(requestID: requestID) }

    func makeMetadata() -> CallMetadata {
        CallMetadata(
            origin: request.origin, httpMethod: request.httpMethod, path: request.path,
            query: request.query, requestID: requestID, shardKey: request.shardKey,
            headers: request.headers.map { ($0.name.lowercased(), $0.value) })
    }

    func receive(part: PluginResponse) -> Bool { caller.receive(part: part) }

    func receive(_ result: Result<PluginResponse, DispatchError>) { caller.receive(result) }
}
