internal import HostCore
internal import HostRouting
internal import NIOCore

/// The in-process way to an endpoint: `handle.options(methodName: "other_method").remote(5)`.
///
/// A call through a handle takes the same path as an HTTP call: same queue, same batches, same limits. A handle is a
/// value that knows the endpoint's name; it goes on working when the endpoint's plugin is reloaded, and when the
/// endpoint goes and comes back.
public struct Handle: Sendable {
    /// The name of the endpoint.
    public let endpoint: String
    private let calls: HandleCalls
    private var template: HandleRequest

    init(to endpoint: String, waitsForEndpoint: Bool, calls: HandleCalls) {
        self.endpoint = endpoint
        self.calls = calls
        template = HandleRequest(endpoint: endpoint)
        template.waitsForEndpoint = waitsForEndpoint
    }

    /// A handle to the same endpoint with other options; those that are nil stay as they are.
    ///
    /// - Parameters:
    ///   - methodName: the plugin's method; `__call__` if none was ever given.
    ///   - httpMethod: what the plugin sees as the request's method; `POST` if none was ever given.
    ///   - httpHeaders: what the plugin sees as the request's headers, instead of those given before.
    ///   - shardKey: calls with one key go to one backend.
    ///   - timeout: shortens the backend's own `request_timeout`, and never extends it.
    public func options(
        methodName: String? = nil, httpMethod: String? = nil,
        httpHeaders: KeyValuePairs<String, String>? = nil, shardKey: String? = nil,
        timeout: Duration? = nil
    ) -> Handle {
        var handle = self
        if let methodName { handle.template.method = methodName }
        if let httpMethod { handle.template.httpMethod = httpMethod }
        if let httpHeaders {
            handle.template.headers = httpHeaders.map { ($0.key.lowercased(), $0.value) }
        }
        if let shardKey { handle.template.shardKey = shardKey }
        if let timeout { handle.template.timeout = timeout }
        return handle
    }

    /// Begins a call, and returns without waiting for it.
    ///
    /// - Parameters:
    ///   - argument: what the plugin gets as the request's body.
    ///   - query: what the plugin gets as the query string; a name may stand there more than once.
    /// - Returns: the response to come. An argument that can't be encoded is an error of that response.
    public func remote(
        _ argument: CallArgument = .none, query: KeyValuePairs<String, String> = [:]
    ) -> HandleResponse {
        var request = template
        request.query = FormEncoding.encode(query)
        argument.write(into: &request)
        if let failure = argument.failure {
            return HandleResponse(calls.refuse(request, failure))
        }
        return HandleResponse(calls.begin(request))
    }

    /// Begins a call with a value that the plugin gets as JSON.
    public func remote(
        _ value: some Encodable, query: KeyValuePairs<String, String> = [:]
    ) -> HandleResponse {
        remote(.json(value), query: query)
    }

    /// Begins a call with a text that the plugin gets as it is.
    public func remote(
        _ text: String, query: KeyValuePairs<String, String> = [:]
    ) -> HandleResponse {
        remote(.text(text), query: query)
    }
}

extension BackplaneHost {
    /// A handle to an endpoint.
    ///
    /// - Parameter missingOK: whether the endpoint may be missing now: calls wait until it is there, at the longest
    ///   ``HostConfiguration/requestTimeout``.
    /// - Throws: ``CallError`` with the code ``CallError/Code/unknownEndpoint``, which names the endpoints there are.
    public func handle(_ endpoint: String, missingOK: Bool = false) throws(CallError) -> Handle {
        guard missingOK || handles.hasEndpoint(named: endpoint) else {
            throw CallError(handles.unknown(endpoint))
        }
        return Handle(to: endpoint, waitsForEndpoint: missingOK, calls: handles)
    }
}
