package import HostPlugins
internal import NIOConcurrencyHelpers
package import NIOCore

/// The in-process way to call: `handle.options { $0.methodName = "other_method" }.remote(argument)`.
///
/// A handle call takes the same path as an HTTP call: same queue, same batches, same limits. A value; copy it freely.
package struct Handle: Sendable {
    package struct Options: Sendable {
        package var methodName = PluginDescriptor.defaultMethod
        package var httpMethod = "POST"
        package var headers: [(name: String, value: String)] = []
        package var contentType = ""
        /// Shortens the backend's `request_timeout`, never extends it.
        package var timeout: Duration?
        package var requestID = ""

        package init() {}
    }

    private let backend: Backend
    private let name: String
    private var options = Options()

    /// - Parameter name: the endpoint's.
    package init(to backend: Backend, name: String) {
        self.backend = backend
        self.name = name
    }

    /// A handle to the same endpoint with other options.
    package func options(_ change: (inout Options) -> Void) -> Handle {
        var handle = self
        change(&handle.options)
        return handle
    }

    /// Calls the method and waits for its whole answer. Cancelling the task cancels the call.
    ///
    /// - Throws: ``DispatchError``.
    package func remote(_ argument: ByteBuffer) async throws(DispatchError) -> PluginResponse {
        let caller = HandleCaller(options, endpoint: name)
        let call = Call(
            to: backend, method: options.methodName, argument: argument,
            contentType: options.contentType, timeout: options.timeout, caller: caller)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                caller.start(continuation)
                backend.submit(call)
            }
        } onCancel: {
            call.cancel()
            caller.receive(.failure(DispatchError(.cancelled, "the caller cancelled the call")))
        }
        return try result.get()
    }
}

/// Waits for one handle call and puts the parts of a streamed answer together.
private final class HandleCaller: Caller {
    private typealias Answer = Result<PluginResponse, DispatchError>

    private enum State {
        case idle
        case waiting(CheckedContinuation<Answer, Never>, streamed: PluginResponse?)
        case answered(Answer)
    }

    private let state = NIOLockedValueBox(State.idle)
    private let options: Handle.Options
    private let endpoint: String

    init(_ options: Handle.Options, endpoint: String) {
        self.options = options
        self.endpoint = endpoint
    }

    func start(_ continuation: CheckedContinuation<Result<PluginResponse, DispatchError>, Never>) {
        let early: Answer? = state.withLockedValue { state in
            if case .answered(let answer) = state { return answer }
            state = .waiting(continuation, streamed: nil)
            return nil
        }
        if let early { continuation.resume(returning: early) }
    }

    func makeMetadata() -> CallMetadata {
        CallMetadata(
            origin: .handle, httpMethod: options.httpMethod, path: "/\(endpoint)",
            requestID: options.requestID, headers: options.headers)
    }

    func receive(part: PluginResponse) -> Bool {
        state.withLockedValue { state in
            guard case .waiting(let continuation, var streamed) = state else { return false }
            streamed = streamed.joined(with: part)
            state = .waiting(continuation, streamed: streamed)
            return true
        }
    }

    func receive(_ result: Result<PluginResponse, DispatchError>) {
        let resume: (() -> Void)? = state.withLockedValue { state in
            switch state {
            case .idle:
                state = .answered(result)
                return nil
            case .answered:
                return nil
            case .waiting(let continuation, let streamed):
                let answer = result.map { streamed.joined(with: $0) }
                state = .answered(answer)
                return { continuation.resume(returning: answer) }
            }
        }
        resume?()
    }
}

extension PluginResponse? {
    /// What was streamed so far, and the next part: the first one's content type and headers stay.
    fileprivate func joined(with part: PluginResponse) -> PluginResponse {
        guard var whole = self else { return part }
        whole.body.writeImmutableBuffer(part.body)
        return whole
    }
}
