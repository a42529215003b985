internal import DequeModule
package import HostCore
internal import NIOConcurrencyHelpers
internal import NIOCore

/// One call through a handle: keeps its response until somebody wants it, whole or part by part.
///
/// What a plugin streams before that waits here, up to the limit of a ``StreamWindow``; then the plugin waits. Every
/// function may be called from any thread.
package final class HandleCall: OriginSink, CallSubmitter {
    package typealias Response = Result<CallResponse, DispatchError>

    /// The largest response that is put together from parts, in bytes.
    fileprivate static let largestResponse = 1 << 30
    /// The longest body that is an error's message as well, in bytes.
    private static let longestMessage = 4 << 10

    fileprivate enum Delivery {
        /// Nobody has said yet what is wanted.
        case undecided
        case whole
        case parts
        /// Nobody wants the response; the call runs on.
        case none
    }

    fileprivate struct State {
        var delivery = Delivery.undecided
        /// Bytes in parts that are kept for the whole response.
        var keptSize = 0
        var hasGivenPart = false
        var hasGivenLast = false
        /// Made by the first part of a streamed response.
        var window: StreamWindow?
        /// Parts that nobody has taken.
        // Bound: the window stops who writes while the reader is behind.
        var parts: Deque<CallResponse> = []
        /// How the call ended; the last part, if there were others.
        var result: Response?
        var onResponse: [@Sendable (Response) -> Void] = []
        var end = CompletionListeners()
        var nextPart: CheckedContinuation<Result<CallResponse?, DispatchError>, Never>?
        /// The call, once its endpoint is known, until it is over.
        var call: Call?
        var requestID: String
        /// Until the call has it: it is released when the plugin has finished, however long this lives.
        var native: NativeObject?
    }

    private let request: HandleRequest
    private let state: NIOLockedValueBox<State>

    /// A call that is yet to be sent: ``submit(_:to:)`` or ``refuse(_:)`` is owed for it.
    package init(_ request: HandleRequest) {
        state = NIOLockedValueBox(
            State(requestID: request.requestID, native: request.native))
        var request = request
        request.native = nil
        self.request = request
        (request.parent as? Call)?.adopt(self)
    }

    // MARK: Beginning

    /// What is asked of the backend. Once: the object that comes with the call goes with it.
    package func takePlan() -> CallPlan {
        var plan = CallPlan(
            method: request.method, argument: request.argument, contentType: request.contentType)
        plan.timeout = request.timeout
        plan.limit = request.parent?.deadline
        plan.native = state.withLockedValue { $0.native.take() }
        plan.mayRunInline = request.mayRunInline
        plan.isInShadow = (request.parent as? Call)?.isInShadow ?? false
        return plan
    }

    /// Keeps the call that is to be submitted, so that it can be cancelled.
    ///
    /// - Returns: whether it is still wanted.
    private func attach(_ call: Call) -> Bool {
        state.withLockedValue { state in
            state.call = state.result == nil ? call : nil
            return state.result == nil
        }
    }

    package func submit(_ call: Call, to backend: Backend) {
        if attach(call) { backend.submit(call) }
    }

    package func submit(copy call: Call, to backend: Backend) { backend.submit(call) }

    /// Ends a call that has not begun.
    package func refuse(_ error: DispatchError) {
        receive(.failure(error))
    }

    /// Takes the call back. A plugin that is at work on it is told so.
    package func cancel() {
        let call = state.withLockedValue { $0.call }
        receive(.failure(DispatchError(.cancelled, "the caller cancelled the call")))
        call?.cancel()
    }

    // MARK: The whole response

    /// Asks for the whole response.
    ///
    /// - Parameter onResponse: called once, from any thread, also before this returns.
    package func whenResponded(_ onResponse: @escaping @Sendable (Response) -> Void) {
        let (response, window) = state.withLockedValue { state -> (Response?, StreamWindow?) in
            state.delivery = .whole
            if let result = state.result { return (state.putTogether(result), nil) }
            state.onResponse.append(onResponse)
            return (nil, state.window)
        }
        window?.lift()
        if let response { onResponse(response) }
    }

    /// Waits for the whole response. Cancelling the task cancels the call.
    package func response() async -> Response {
        // Most inline calls have their response by now.
        let early = state.withLockedValue { state in
            state.result.map { result in
                state.delivery = .whole
                return state.putTogether(result)
            }
        }
        if let early { return early }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                whenResponded { continuation.resume(returning: $0) }
            }
        } onCancel: {
            cancel()
        }
    }

    // MARK: Part by part

    /// Waits for the next part of the response; nil after the last. One task at a time; cancelling it cancels the call.
    package func nextPart() async -> Result<CallResponse?, DispatchError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (part, window) = state.withLockedValue { state in
                    state.delivery = .parts
                    let part = state.takePart()
                    if part == nil {
                        precondition(state.nextPart == nil, "two tasks read one stream")
                        state.nextPart = continuation
                    }
                    return (part, state.window)
                }
                guard let part else { return }
                if case .success(let part?) = part { window?.release(part.body.readableBytes) }
                continuation.resume(returning: part)
            }
        } onCancel: {
            cancel()
        }
    }

    /// Nobody wants the response, or more of it; the call runs on.
    package func discard() {
        let window = state.withLockedValue { state in
            guard state.delivery == .undecided else { return nil as StreamWindow? }
            state.delivery = .none
            state.parts = []
            return state.window
        }
        window?.lift()
    }

    // MARK: The call's side

    package var requestID: String {
        let known = state.withLockedValue { $0.requestID }
        if !known.isEmpty { return known }
        // A forwarded request keeps its own; a call for another one has that one's.
        let id = request.forwarded?.requestID ?? request.parent?.requestID ?? RequestID.make()
        return state.withLockedValue { state in
            if state.requestID.isEmpty { state.requestID = id }
            return state.requestID
        }
    }

    package func rename(requestID: String) {
        state.withLockedValue { $0.requestID = requestID }
    }

    package func makeMetadata() -> CallMetadata {
        if let forwarded = request.forwarded { return forwarded }
        return CallMetadata(
            origin: .handle, httpMethod: request.httpMethod, path: "/\(request.endpoint)",
            query: request.query, requestID: requestID, shardKey: request.shardKey,
            headers: request.headers)
    }

    package func whenOver(_ body: @escaping @Sendable () -> Void) {
        if state.withLockedValue({ $0.end.add(body) }) { body() }
    }

    package func whenThereIsRoom(_ body: @escaping @Sendable () -> Void) {
        guard let window = state.withLockedValue({ $0.window }) else { return body() }
        window.whenThereIsRoom(body)
    }

    package func receive(part: CallResponse) -> Bool {
        let window = state.withLockedValue { state in
            guard state.result == nil else { return nil as StreamWindow? }
            let window = state.window ?? StreamWindow()
            if state.window == nil, state.delivery != .parts, state.delivery != .undecided {
                window.lift()
            }
            state.window = window
            return window
        }
        let size = part.body.readableBytes
        guard let window, window.waitForRoom(size) else { return false }
        let (waiter, fits) = state.withLockedValue { state in state.append(part) }
        if let waiter {
            window.release(size)
            waiter.resume(returning: .success(part))
        }
        if !fits {
            let error = DispatchError(
                .plugin(.resourceExhausted), "the answer is over the limit of 1 GiB")
            receive(.failure(error))
        }
        return fits
    }

    package func receive(_ result: Response) {
        let end = state.withLockedValue { state -> End? in
            guard state.result == nil else { return nil }
            // The status of a streamed response is that of its first part.
            let result = state.window == nil ? result.flatMap(Self.refused) : result
            state.result = result
            state.call = nil
            state.native = nil
            var end = End(window: state.window, listeners: state.end.end())
            if !state.onResponse.isEmpty {
                end.onResponse = state.onResponse
                end.response = state.putTogether(result)
                state.onResponse = []
            }
            if let waiter = state.nextPart {
                state.nextPart = nil
                end.nextPart = (waiter, state.takePart()!)
            }
            return end
        }
        guard let end else { return }
        end.window?.close()
        for listener in end.listeners { listener() }
        (request.parent as? Call)?.release(self)
        if let response = end.response {
            for onResponse in end.onResponse { onResponse(response) }
        }
        if let (waiter, part) = end.nextPart { waiter.resume(returning: part) }
    }

    /// A response with the status of an error is one, whoever chose the status.
    fileprivate static func refused(_ response: CallResponse) -> Response {
        guard response.status >= 400 else { return .success(response) }
        let message =
            response.body.readableBytes <= longestMessage
            ? String(buffer: response.body) : "the response has the status \(response.status)"
        var error = DispatchError(
            .refused(httpStatus: response.status), message, headers: response.headers)
        if response.body.readableBytes > 0 {
            let type = response.contentType
            error.details = FailureDetails(
                contentType: type.isEmpty ? "application/octet-stream" : type,
                bytes: response.body)
        }
        return .failure(error)
    }

    /// Who is to be told that the call is over.
    private struct End {
        var window: StreamWindow?
        var listeners: [CompletionListeners.Listener]
        var onResponse: [@Sendable (Response) -> Void] = []
        var response: Response?
        var nextPart:
            (
                CheckedContinuation<Result<CallResponse?, DispatchError>, Never>,
                Result<CallResponse?, DispatchError>
            )?
    }
}

extension HandleCall.State {
    /// Keeps a part.
    ///
    /// - Returns: who waits for it, and gets it instead; and whether there was room.
    mutating func append(
        _ part: CallResponse
    ) -> (CheckedContinuation<Result<CallResponse?, DispatchError>, Never>?, fits: Bool) {
        if let waiter = nextPart {
            nextPart = nil
            hasGivenPart = true
            return (waiter, true)
        }
        guard delivery != .none else { return (nil, true) }
        keptSize += part.body.readableBytes
        guard keptSize <= HandleCall.largestResponse else { return (nil, false) }
        parts.append(part)
        return (nil, true)
    }

    /// The next part, the end, or the error that ends the stream; nil when there is none of them yet.
    mutating func takePart() -> Result<CallResponse?, DispatchError>? {
        if let part = parts.popFirst() {
            keptSize -= part.body.readableBytes
            hasGivenPart = true
            return .success(part)
        }
        guard let result else { return nil }
        // A response in one piece is a stream of one part, also when it has no bytes.
        if case .success(let last) = result, !hasGivenLast,
            last.body.readableBytes > 0 || !hasGivenPart
        {
            hasGivenLast = true
            return .success(last)
        }
        return result.map { _ in nil }
    }

    /// The whole response: the first part has its content type and headers.
    mutating func putTogether(_ result: HandleCall.Response) -> HandleCall.Response {
        guard var whole = parts.popFirst() else { return result }
        let rest = parts
        parts = []
        let response = result.flatMap { last in
            for part in rest { whole.body.writeImmutableBuffer(part.body) }
            whole.body.writeImmutableBuffer(last.body)
            whole.trailers = last.trailers
            return HandleCall.refused(whole)
        }
        self.result = response
        return response
    }
}
