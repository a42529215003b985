package import HostCore
package import HostDispatch
internal import HostPipeline
internal import NIOCore
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
        endpoint.submit(
            call.takePlan(), for: call, by: call, shardKey: request.shardKeyAsTold
        ) { request.seenByStages(by: call) }
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
    fileprivate func seenByStages(by call: HandleCall) -> Request {
        let told = forwarded
        var request = Request(
            origin: told?.origin ?? .handle, httpMethod: told?.httpMethod ?? httpMethod,
            path: told?.path ?? "/\(endpoint)", query: told?.query ?? query,
            headers: HeaderFields(told?.headers ?? headers), method: method,
            contentType: contentType, shardKey: shardKeyAsTold, body: argument, parent: parent,
            originSink: call)
        if let subject = told?.subject, !subject.isEmpty { request.subject = subject }
        return request
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
        onResponse: @escaping @Sendable (Result<CallResponse, CallFailure>) -> Void
    ) {
        let call: HandleCall = begin(request)
        call.whenResponded { response in
            onResponse(
                response.mapError {
                    CallFailure(
                        $0.status, $0.message, httpStatus: $0.httpStatus, headers: $0.headers,
                        details: $0.details)
                })
        }
    }
}
