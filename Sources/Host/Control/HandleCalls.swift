package import HostDispatch
internal import HostMiddleware
package import HostPlugins
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Where the calls of handles begin: finds the endpoint by its name, and sends the call on.
///
/// A handle knows a name and nothing else, so it outlives the endpoint, and finds the next one of that name.
package final class HandleCalls: Sendable {
    private let routes: RouteTable
    private let registrationTimeout: Duration?

    /// - Parameter registrationTimeout: how long a call without a shorter limit waits for an endpoint to come; nil: for
    ///   ever.
    package init(routes: RouteTable, registrationTimeout: Duration?) {
        self.routes = routes
        self.registrationTimeout = registrationTimeout
    }

    package func begin(_ request: HandleRequest) -> HandleCall {
        let call = HandleCall(request)
        if let endpoint = routes.endpoint(named: request.endpoint) {
            begin(call, request, on: endpoint)
        } else if request.waitsForEndpoint {
            beginLater(request, call)
        } else {
            call.refuse(unknown(request.endpoint))
        }
        return call
    }

    /// A call that fails before it begins.
    package func refuse(_ request: HandleRequest, _ error: DispatchError) -> HandleCall {
        let call = HandleCall(request)
        call.refuse(error)
        return call
    }

    /// The refusal for a name that no endpoint has; names those there are.
    package func unknown(_ name: String) -> DispatchError {
        let known = routes.all.map(\.name).joined(separator: ", ")
        return DispatchError(
            .unknownEndpoint,
            "no endpoint \(name)" + (known.isEmpty ? "; there are none" : "; there are: \(known)"))
    }

    package func hasEndpoint(named name: String) -> Bool {
        routes.endpoint(named: name) != nil
    }

    private func begin(_ call: HandleCall, _ request: HandleRequest, on endpoint: Endpoint) {
        let assignment = endpoint.assign(shardKey: request.shardKeyAsTold)
        let plan = call.takePlan()
        assignment.backend.enter(plan, for: call, request: { request.seenByStages(by: call) }) {
            if call.attach($0) { $1.submit($0) }
        }
        guard !plan.isInShadow else { return }
        for shadow in assignment.shadows {
            shadow.enterCopy(of: plan, from: call, request: { request.seenByStages(by: call) })
        }
    }

    private func beginLater(_ request: HandleRequest, _ call: HandleCall) {
        let parentsLimit = request.parent?.deadline.map { deadline in
            Duration.nanoseconds(max(0, (deadline - .now()).nanoseconds))
        }
        let limit = [registrationTimeout, request.timeout, parentsLimit].compactMap { $0 }.min()
        routes.whenThere(request.endpoint, limit: limit) { [self] endpoint in
            if let endpoint {
                begin(call, request, on: endpoint)
            } else {
                call.refuse(
                    DispatchError(
                        .deadlineExceeded,
                        "\(unknown(request.endpoint).message); none came before the deadline"))
            }
        }
    }
}

extension HandleRequest {
    /// The request as middleware sees it.
    fileprivate func seenByStages(by call: HandleCall) -> MiddlewareRequest {
        let told = forwarded
        return MiddlewareRequest(
            origin: told?.origin ?? .handle, httpMethod: told?.httpMethod ?? httpMethod,
            path: told?.path ?? "/\(endpoint)", query: told?.query ?? query,
            headers: HTTPHeaders(told?.headers ?? headers), method: method,
            contentType: contentType, shardKey: shardKeyAsTold, body: argument, parent: parent,
            finalCaller: call)
    }
}

/// What plugins call through.
extension HandleCalls: EndpointCaller {
    package var isOnWaitingThread: Bool {
        guard MultiThreadedEventLoopGroup.currentEventLoop == nil else { return false }
        return unsafe withUnsafeCurrentTask { task in unsafe task == nil }
    }

    package func begin(
        _ request: HandleRequest,
        onAnswer: @escaping @Sendable (Result<PluginResponse, PluginFailure>) -> Void
    ) {
        let call: HandleCall = begin(request)
        call.whenAnswered { answer in
            onAnswer(answer.mapError { PluginFailure($0.status, $0.message) })
        }
    }
}
